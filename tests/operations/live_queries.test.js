// Live queries of a real server: over HTTPS as a page would read them, and on the command line.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { request } from 'node:https';
import { test } from 'node:test';
import { binary } from '../end_to_end/lib/hub.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { Inbox } from '../end_to_end/lib/wait.js';
import { ask, later, metric, newDevice, newHub } from './lib/operator.js';

const anywhere = ['--listen-addresses', '127.0.0.1'];

// What comes of a stream: events {event, id, data} in `events`; `close` breaks the connection.
function subscribe(t, hub, query, lastEventId) {
    const body = JSON.stringify({ query });
    const events = new Inbox();
    const outgoing = request({
        host: hub.address, port: hub.httpsPort, ca: hub.ca, servername: hub.host, agent: false,
        method: 'POST', path: '/devices/query/subscribe?api-version=2021-04-12',
        headers: {
            Host: hub.host, Authorization: new Rest(hub).token(),
            'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body),
            ...(lastEventId ? { 'Last-Event-ID': lastEventId } : {}),
        },
    }, (incoming) => {
        let text = '';
        incoming.on('error', () => {});
        incoming.on('end', () => events.end());
        incoming.on('data', (bytes) => {
            const parts = (text += bytes).split('\n\n');
            text = parts.pop();
            for (const part of parts)
                events.put(Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s))));
        });
    });
    outgoing.on('error', () => events.end());
    outgoing.end(body);
    const close = () => outgoing.destroy();
    later(t, close);
    return { events, close };
}

const tag = (hub, id, n) => ask(hub, 'PATCH', `/twins/${id}`, { body: { tags: { n } } });

test('a stream goes on behind its last event', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    await newDevice(hub, 'd1');
    const query = 'SELECT tags.n FROM devices WHERE tags.n > 0';
    const first = subscribe(t, hub, query);
    const snapshot = await first.events.take();
    assert.equal(snapshot.event, 'snapshot');
    assert.deepEqual(JSON.parse(snapshot.data), { first: true, last: true, rows: [] });
    await tag(hub, 'd1', 1);
    const enter = await first.events.take();
    assert.equal(enter.event, 'enter');
    assert.deepEqual(JSON.parse(enter.data), { key: { deviceId: 'd1' }, row: { n: 1 }, version: 3 });
    await tag(hub, 'd1', 2);
    await first.events.take();
    first.close();
    await tag(hub, 'd1', 3);
    await tag(hub, 'd1', 0);
    const second = subscribe(t, hub, query, enter.id);
    const rest = [await second.events.take(), await second.events.take(), await second.events.take()];
    assert.deepEqual(rest.map(({ event }) => event), ['change', 'change', 'leave']);
    assert.deepEqual(rest.map(({ data }) => JSON.parse(data).version), [4, 5, 6]);
    assert.equal(await metric(hub, 'twin_live_events_total'), 4);
    const other = subscribe(t, hub, `${query} `, enter.id);
    assert.equal(JSON.parse((await other.events.take()).data).resumed, false);
});

test('query --watch prints what happens, also after the server was away', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    for (const id of ['d1', 'd2']) await newDevice(hub, id);
    await tag(hub, 'd1', 1);
    const child = spawn(binary(), ['query', 'SELECT deviceId, tags.n FROM devices WHERE tags.n > 0',
                                   '--watch', '--output', 'table'],
                        { stdio: ['ignore', 'pipe', 'ignore'],
                          env: { ...process.env, TWINHUB_DATA: hub.dataFolder } });
    later(t, () => child.kill('SIGKILL'));
    const lines = new Inbox();
    child.stdout.on('data', (data) => {
        for (const line of String(data).split('\n')) if (line) lines.put(line);
    });
    child.once('exit', () => lines.end());
    assert.equal(await lines.take(), '+ d1\td1\t1');
    await tag(hub, 'd2', 2);
    assert.equal(await lines.take(), '+ d2\td2\t2');
    await tag(hub, 'd1', 5);
    assert.equal(await lines.take(), '~ d1\td1\t5');
    await tag(hub, 'd2', 0);
    assert.equal(await lines.take(), '- d2');
    await hub.kill();
    await hub.start();
    assert.equal(await lines.take(), '=');
    assert.equal(await lines.take(), '+ d1\td1\t5');
    await tag(hub, 'd2', 7);
    assert.equal(await lines.take(), '+ d2\td2\t7');
});

test('query --watch ends after so many lines, or says why it cannot begin', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    for (const id of ['d1', 'd2', 'd3']) await newDevice(hub, id);
    const { code, out } = await hub.run('query', 'SELECT deviceId FROM devices', '--watch', '--top', 2);
    assert.equal(code, 0);
    assert.deepEqual(out.trim().split('\n').map((line) => JSON.parse(line)), [
        { event: 'snapshot', key: { deviceId: 'd1' }, row: { deviceId: 'd1' }, version: 2 },
        { event: 'snapshot', key: { deviceId: 'd2' }, row: { deviceId: 'd2' }, version: 2 }]);
    const refused = await hub.run('query', 'SELECT * FROM devices ORDER BY deviceId', '--watch');
    assert.equal(refused.code, 1);
    assert.match(refused.err, /ORDER BY/);
    const usage = await hub.run('query', 'SELECT * FROM devices', '--watch', '--explain');
    assert.equal(usage.code, 2);
});
