// Orderly stops.
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { test } from 'node:test';
import { credentials, RawMqtt, topics } from '../end_to_end/lib/raw_mqtt.js';
import { nextEvent, withDeadline } from '../end_to_end/lib/wait.js';
import { ask, metric, newDevice, newHub } from './lib/operator.js';

for (const signal of ['SIGTERM', 'SIGINT'])
    test(`${signal} ends every connection in order, exit code 0`, async (t) => {
        const hub = await newHub(t);
        const clients = [];
        for (let i = 0; i < 5; i++) {
            const device = await newDevice(hub, `press-${i}`);
            clients.push(await RawMqtt.connect(hub, credentials(hub, device)));
        }
        const resets = [];
        for (const client of clients) client.socket.on('error', (error) => resets.push(error));
        const ends = clients.map((client) => nextEvent(client.socket, 'end', 'a clean end'));
        const idle = connect({ host: '127.0.0.1', port: 443, servername: 'localhost', ca: hub.ca });
        await nextEvent(idle, 'secureConnect');
        idle.on('error', () => {});
        const began = connect({ host: '127.0.0.1', port: 8883, servername: 'localhost', ca: hub.ca });
        await nextEvent(began, 'secureConnect'); // and says nothing
        began.on('error', () => {});
        hub.process.kill(signal);
        await Promise.all(ends);
        const { code } = await withDeadline(hub.exited, 'the hub to end', 30_000);
        assert.equal(code, 0);
        assert.deepEqual(resets, []);
        assert.match(hub.text(), /server\.stopping/);
        assert.match(hub.text(), /server\.stopped/);
        assert.doesNotMatch(hub.text(), /drain_timeout/);
    });

test('what was acknowledged before a stop is there after the next start', async (t) => {
    const hub = await newHub(t);
    const device = await newDevice(hub, 'press');
    const client = await RawMqtt.connect(hub, credentials(hub, device));
    await client.subscribe(topics.results);
    const answers = [];
    for (let n = 1; n <= 50; n++) answers.push(client.report({ n }).catch(() => undefined));
    await answers[0];
    hub.process.kill('SIGTERM');
    const acknowledged = (await Promise.all(answers)).filter((answer) => answer?.status === 204);
    assert.equal((await withDeadline(hub.exited, 'the hub to end', 30_000)).code, 0);
    await hub.start();
    const { properties: { reported } } = (await ask(hub, 'GET', '/twins/press')).json;
    const last = Math.max(...acknowledged.map(({ version }) => version));
    assert.ok(reported.$version >= last, `${reported.$version} of at least ${last}`);
    assert.equal(reported.n, reported.$version - 1, 'each report raised the version by one');
});

test('a stopped hub leaves no device connected', async (t) => {
    const hub = await newHub(t);
    const device = await newDevice(hub, 'press');
    await RawMqtt.connect(hub, credentials(hub, device));
    assert.equal((await ask(hub, 'GET', '/twins/press')).json.connectionState, 'Connected');
    await hub.stop();
    await hub.start();
    assert.equal((await ask(hub, 'GET', '/twins/press')).json.connectionState, 'Disconnected');
    assert.equal(await metric(hub, 'twin_devices_connected'), 0);
});

test('a second start after an orderly stop recovers nothing', async (t) => {
    const hub = await newHub(t);
    for (let i = 0; i < 20; i++) await newDevice(hub, `press-${i}`);
    await hub.stop();
    await hub.start();
    assert.equal((await ask(hub, 'GET', '/devices')).json.length, 20);
    assert.equal(await metric(hub, 'twin_changed_documents'), 0, 'every document was written whole');
});

test('a stop with a drain limit of nothing still ends with code 0', async (t) => {
    const hub = await newHub(t, { arguments: ['--drain-timeout', '0s'] });
    const device = await newDevice(hub, 'press');
    await RawMqtt.connect(hub, credentials(hub, device));
    await hub.stop();
    await hub.start();
    assert.equal((await ask(hub, 'GET', '/twins/press')).status, 200);
});
