// The change feed of a real server: what a consumer keeps by it is the fleet, whoever is killed on the way.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { request } from 'node:https';
import { test } from 'node:test';
import { binary } from '../end_to_end/lib/hub.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { Inbox, until } from '../end_to_end/lib/wait.js';
import { ask, later, newDevice, newHub } from './lib/operator.js';

const anywhere = ['--listen-addresses', '127.0.0.1'];

// A copy of the fleet, kept by the lines of the feed alone. What must not be throws.
class Copy {
    twins = new Map();
    lines = 0;

    take(line) {
        if (line.cursor) this.cursor = line.cursor;
        if (!line.kind) return;
        this.lines += 1;
        const known = this.twins.get(line.deviceId);
        if (line.kind === 'created') {
            assert.equal(known, undefined, `${line.deviceId} is created twice`);
            this.twins.set(line.deviceId, { version: line.versions.twin, values: new Map() });
        } else {
            assert.ok(known, `${line.deviceId} is changed before it is created`);
        }
        if (line.kind === 'deleted') {
            this.twins.delete(line.deviceId);
            return;
        }
        const twin = this.twins.get(line.deviceId);
        if (line.kind === 'twin') {
            assert.ok(line.versions.twin > twin.version, 'a change comes twice');
            assert.equal(line.versions.twin, twin.version + 1, 'a change is missing');
            twin.version = line.versions.twin;
            twin.etag = line.etag;
        }
        for (const { part, path, before, after } of line.leaves) {
            const name = `${part}.${path}`;
            assert.deepEqual(twin.values.get(name), before, `${line.deviceId} ${name} before`);
            if (after === undefined) twin.values.delete(name);
            else twin.values.set(name, after);
        }
    }

    // Written down and read back, as a consumer does that is killed and starts again.
    static from(copy) {
        const next = new Copy();
        next.twins = structuredClone(copy.twins);
        Object.assign(next, { cursor: copy.cursor, lines: copy.lines });
        return next;
    }
}

// Lines of a stream into `take` until `close`.
function follow(t, hub, query, take) {
    const outgoing = request({
        host: hub.address, port: hub.httpsPort, ca: hub.ca, servername: hub.host, agent: false,
        path: `/changes?${query}`, headers: { Host: hub.host, Authorization: new Rest(hub).token() },
    }, (incoming) => {
        let text = '';
        incoming.on('error', () => {});
        incoming.on('data', (bytes) => {
            const lines = (text += bytes).split('\n');
            text = lines.pop();
            for (const line of lines) if (line) take(JSON.parse(line));
        });
    });
    outgoing.on('error', () => {});
    outgoing.end();
    const close = () => outgoing.destroy();
    later(t, close);
    return { close, ended: new Promise((done) => outgoing.once('close', done)) };
}

// The command, with its lines; killed with the test.
function tail(t, hub, ...words) {
    const child = spawn(binary(), ['changes', 'tail', ...words],
                        { stdio: ['ignore', 'pipe', 'ignore'],
                          env: { ...process.env, TWINHUB_DATA: hub.dataFolder } });
    later(t, () => child.kill('SIGKILL'));
    const lines = new Inbox();
    let text = '';
    child.stdout.on('data', (data) => {
        const parts = (text += data).split('\n');
        text = parts.pop();
        for (const part of parts) lines.put(part);
    });
    child.once('exit', () => lines.end());
    return { lines, kill: () => child.kill('SIGKILL') };
}

const tag = (hub, id, n) => ask(hub, 'PATCH', `/twins/${id}`, { body: { tags: { n } } });

// What the hub itself says, in the form of a copy.
async function truth(hub) {
    const twins = new Map();
    const { json } = await ask(hub, 'POST', '/devices/query', { body: { query: 'SELECT * FROM devices' } });
    const collect = (values, prefix, value) => {
        for (const [key, member] of Object.entries(value ?? {})) {
            if (key.startsWith('$')) continue;
            if (member !== null && typeof member === 'object' && !Array.isArray(member))
                collect(values, `${prefix}.${key}`, member);
            else values.set(`${prefix}.${key}`, member);
        }
    };
    for (const twin of json) {
        const values = new Map();
        collect(values, 'tags', twin.tags);
        collect(values, 'desired', twin.properties.desired);
        collect(values, 'reported', twin.properties.reported);
        twins.set(twin.deviceId, { version: twin.version, values });
    }
    return twins;
}

// Writers that go on while the hub is away. Refused and lost writes are their own business.
function writers(hub, count) {
    let going = true;
    const write = async (who) => {
        const rest = new Rest(hub);
        for (let n = 0; going; n++) {
            const id = `w${who}-${n % 4}`;
            const what = n % 11;
            const body = { tags: { n, [`k${n % 3}`]: n % 5 === 0 ? null : n },
                           properties: { desired: { fan: { speed: n }, led: n % 2 ? null : n } } };
            await (what === 0 ? rest.put(`/devices/${id}`, { deviceId: id })
                   : what === 9 && n % 4 === 3 ? rest.delete(`/devices/${id}`, { 'If-Match': '*' })
                   : what === 5 ? rest.put(`/twins/${id}`, body)
                   : rest.patch(`/twins/${id}`, body)).catch(() =>
                new Promise((done) => setTimeout(done, 20)));
        }
        rest.close();
    };
    const all = Promise.all(Array.from({ length: count }, (_, who) => write(who)));
    return async () => { going = false; await all; };
}

test('what two consumers keep is the fleet, over kills of the hub and of a consumer', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    const stop = writers(hub, 4);
    const steady = new Copy();
    let shaky = new Copy();
    let failure;
    const guarded = (copy) => (line) => {
        try { copy.take(line); } catch (error) { failure ??= error; }
    };
    const from = (copy) => `follow=1&since=${copy.cursor ?? 'oldest'}`;
    let streams = [];
    const connect = () => {
        streams = [follow(t, hub, from(steady), guarded(steady)),
                   follow(t, hub, from(shaky), guarded(shaky))];
    };
    connect();
    for (let round = 0; round < 4 && !failure; round++) {
        const [before, others] = [steady.lines, shaky.lines];
        await until(() => failure || (steady.lines > before + 50 && shaky.lines > others + 50), 'changes');
        // The consumer goes back to what it had written down last.
        const saved = Copy.from(shaky);
        await until(() => failure || shaky.lines > saved.lines, 'more changes');
        streams[1].close();
        await streams[1].ended;
        shaky = saved;
        if (round % 2 === 0) {
            streams[1] = follow(t, hub, from(shaky), guarded(shaky));
            continue;
        }
        await hub.kill();
        await streams[0].ended;
        await hub.start();
        connect();
    }
    await stop();
    assert.equal(failure, undefined);
    const real = await truth(hub);
    const version = (twins) => [...twins].map(([id, twin]) => [id, twin.version]).sort();
    for (const copy of [steady, shaky]) {
        await until(() => failure || JSON.stringify(version(copy.twins)) === JSON.stringify(version(real)),
                    'the copy to be the fleet');
        assert.equal(failure, undefined);
        for (const [id, { values }] of real)
            assert.deepEqual([...copy.twins.get(id).values].sort(), [...values].sort(), id);
    }
    // Read anew, in pages, it is the same.
    const again = new Copy();
    for (let end = false; !end;) {
        const { text } = await ask(hub, 'GET', `/changes?limit=100&since=${again.cursor ?? 'oldest'}`);
        for (const line of text.trim().split('\n').map((each) => JSON.parse(each))) {
            again.take(line);
            end = line.end === true;
        }
    }
    assert.deepEqual(version(again.twins), version(real));
});

test('changes tail goes on where it was, over kills of the hub and of itself', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    await newDevice(hub, 'd1');
    const first = tail(t, hub, '--since', 'oldest', '--follow', '--path', 'tags.n');
    await tag(hub, 'd1', 1);
    const line = JSON.parse(await first.lines.take());
    assert.deepEqual(line.leaves, [{ part: 'tags', path: 'n', after: 1 }]);
    assert.equal(line.by.principal, 'iothubowner');
    await hub.kill();
    await hub.start();
    await tag(hub, 'd1', 2);
    assert.equal(JSON.parse(await first.lines.take()).leaves[0].after, 2);
    first.kill();
    await tag(hub, 'd1', 3);
    await tag(hub, 'd1', 4);
    const second = tail(t, hub, '--since', line.cursor, '-f');
    for (const n of [2, 3, 4]) assert.equal(JSON.parse(await second.lines.take()).leaves[0].after, n);
});

test('changes tail reads what there is, narrowed down, in words', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    for (const id of ['d1', 'd2']) await newDevice(hub, id);
    for (const n of [1, 2, 3]) await tag(hub, 'd1', n);
    await tag(hub, 'd2', 9);
    const read = async (...words) => {
        const { code, out, err } = await hub.run('changes', 'tail', ...words, '--output', 'table');
        assert.equal(code, 0, err);
        return out.trim().split('\n').map((line) => line.split('\t').slice(1).join(' '));
    };
    assert.deepEqual(await read('--where', 'tags.n > 1', '-d', 'd1'),
                     ['d1 rest iothubowner n: 1 -> 2', 'd1 rest iothubowner n: 2 -> 3']);
    assert.deepEqual(await read('--top', 1), ['d1 rest iothubowner created']);
    assert.deepEqual(await read('--since', '1h', '--author', 'service'), ['']);
    const wrong = await hub.run('changes', 'tail', '--since', '0123');
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /cursor/);
    const usage = await hub.run('changes', 'tail', '--cause', 'magic');
    assert.equal(usage.code, 2);
});

test('a page in a browser follows events, and comes back with the last id', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    await newDevice(hub, 'd1');
    const events = async (headers) => {
        const { text, headers: answered } = await ask(
            hub, 'GET', '/changes?since=oldest&limit=1',
            { headers: { Accept: 'text/event-stream', ...headers } });
        assert.match(answered['content-type'], /text\/event-stream/);
        return text.split('\n\n').filter((event) => event.startsWith('event: change'));
    };
    await tag(hub, 'd1', 1);
    const [created] = await events({});
    assert.match(created, /"kind":"created"/);
    const [changed] = await events({ 'Last-Event-ID': /id: (\w+)/.exec(created)[1] });
    assert.match(changed, /"path":"n","after":1/);
});
