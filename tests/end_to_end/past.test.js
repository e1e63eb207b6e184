// What the fleet was, and who came and went (specification: query-language 11, docs/connections.md).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, newDevice, patchTwin, registry, report, rest, transports, twinOf,
} from './lib/fixture.js';
import { twinhub } from './lib/operator.js';
import { until } from './lib/wait.js';

const sessionsOf = async ({ deviceId }) => (await rest.get(`/twins/${deviceId}/sessions`)).json;
const query = async text => {
    const { status, json } = await rest.post('/devices/query', { query: text });
    assert.equal(status, 200, JSON.stringify(json));
    return json;
};

// The moment until now, which nothing that comes later belongs to.
const moment = async ({ deviceId }) => {
    await patchTwin(deviceId, { tags: { mark: Math.random() } });
    const { json } = await rest.get(`/twins/${deviceId}/history?limit=1`);
    return json.changes[0].at;
};

const protocols = {
    MQTT: 'mqtt', 'MQTT over WebSocket': 'mqttWebSocket',
    AMQP: 'amqp', 'AMQP over WebSocket': 'amqpWebSocket',
};

for (const [name, transport] of transports) {
    test(`a connection is remembered with its end, over ${name}`, async (t) => {
        const device = await newDevice(t);
        assert.deepEqual((await sessionsOf(device)).sessions, []);
        const client = await connect(t, device, { transport });
        let now = await sessionsOf(device);
        assert.equal(now.connected, true);
        assert.equal(now.sessions[0].protocol, protocols[name]);
        assert.match(now.sessions[0].tls, /^1\.[23]$/);
        assert.match(now.sessions[0].address, /^(127\.0\.0\.1|::1)$/);
        assert.equal(now.sessions[0].end, null);
        await client.close();
        await until(async () => !(await sessionsOf(device)).connected, 'the end');
        now = await sessionsOf(device);
        assert.ok(['clientClosed', 'connectionLost'].includes(now.sessions[0].endReason), now.sessions[0].endReason);
        assert.ok(now.sessions[0].sequence.disconnected > now.sessions[0].sequence.connected);
        assert.equal(now.sessions[0].sequence.connected.length, 64);
        const [row] = await query(`SELECT $connection.reason AS r FROM devices WHERE deviceId = '${device.deviceId}'`);
        assert.equal(row.r, now.sessions[0].endReason);
    });
}

test('who takes over and who is disabled is told apart', async (t) => {
    const device = await newDevice(t);
    await connect(t, device);
    await connect(t, device);
    await registry.update({ ...device, status: 'disabled' });
    await until(async () => !(await sessionsOf(device)).connected, 'the end');
    const { sessions } = await sessionsOf(device);
    assert.deepEqual(sessions.map(one => one.endReason), ['disabled', 'takenOver']);
    const { json } = await rest.get('/fleet/connections?window=PT1H');
    assert.ok(json.connects >= 2);
    assert.ok(json.reasons.takenOver >= 1);
    assert.match(twinhub('connections', 'list', '--device-id', device.deviceId, '--output', 'table'), /takenOver/);
    assert.match(twinhub('connections', 'summary'), /connected; since/);
});

test('a fleet query answers for the moment before everything changed', async (t) => {
    const site = `past-${process.pid}`;
    const devices = await Promise.all(Array.from({ length: 5 }, () => newDevice(t)));
    for (const [n, { deviceId }] of devices.entries())
        await patchTwin(deviceId, { tags: { site }, properties: { desired: { n } } });
    const twin = await twinOf(await connect(t, devices[0]));
    await report(twin, { fw: '1.0' });
    const rows = text => query(`SELECT deviceId, properties.desired.n, properties.reported.fw FROM devices ${text} WHERE tags.site = '${site}'`);
    const before = await rows('');
    assert.equal(before.length, 5);
    const at = await moment(devices[4]);

    await report(twin, { fw: '2.0' });
    for (const { deviceId } of devices.slice(1, 3))
        await patchTwin(deviceId, { properties: { desired: { n: 99 } } });
    await registry.delete(devices[3].deviceId);
    const late = await newDevice(t);
    await patchTwin(late.deviceId, { tags: { site } });

    assert.deepEqual(await rows(`AS OF '${at}'`), before);
    assert.notDeepEqual(await rows(''), before);
    const [{ total }] = await query(`SELECT COUNT() AS total FROM devices AS OF '${at}' WHERE tags.site = '${site}'`);
    assert.equal(total, 5);
    const { json } = await rest.get(`/twins/${devices[0].deviceId}/drift?at=${encodeURIComponent(at)}`);
    assert.deepEqual([json.state, json.connection.state, json.reportedVersion], ['pending', 'Connected', 2]);
    const refused = await rest.post('/devices/query', { query: "SELECT * FROM devices AS OF '2999-01-01'" });
    assert.equal(refused.status, 400);
});
