// Connections and sessions over time (specification: device-protocols 1.3 to 1.9, 3.2, 8.4).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import mqtt from 'mqtt';
import {
    connect, connectRaw, getTwin, hub, keyOf, Message, Mqtt, MqttWs, newDevice, newModule, openRaw,
    patchDesired, registry, rest, transports, twinOf,
} from './lib/fixture.js';
import { credentials, packet, packets, text, topics, types } from './lib/raw_mqtt.js';
import { randomKey, secondsFromNow } from './lib/sas.js';
import { Inbox, nextEvent, until } from './lib/wait.js';

const stateOf = async ({ deviceId }) => (await getTwin(deviceId)).connectionState;

for (const [name, transport] of transports) {
    test(`a second connection replaces the first over ${name}`, async (t) => {
        const device = await newDevice(t);
        const first = await connect(t, device, { transport });
        const dropped = nextEvent(first, 'disconnect');
        const second = await connect(t, device, { transport });
        await dropped;
        assert.equal((await twinOf(second)).properties.desired.$version, 1);
        assert.equal(await stateOf(device), 'Connected');
    });

    test(`disabling a device drops its connection over ${name}`, async (t) => {
        const device = await newDevice(t);
        const client = await connect(t, device, { transport });
        const dropped = nextEvent(client, 'disconnect');
        await registry.update({ ...device, status: 'disabled' });
        await dropped;
        await assert.rejects(connect(t, device, { transport }), { message: /Not authorized|Unauthorized/ });
    });

    test(`deleting a device drops its connection over ${name}`, async (t) => {
        const device = await newDevice(t);
        const client = await connect(t, device, { transport });
        const dropped = nextEvent(client, 'disconnect');
        await registry.delete(device.deviceId);
        await dropped;
    });

    test(`telemetry is acknowledged over ${name}`, async (t) => {
        const client = await connect(t, await newDevice(t), { transport });
        const message = new Message(JSON.stringify({ temperature: 21 }));
        message.messageId = 'm/1 & more';
        message.contentType = 'application/json';
        message.contentEncoding = 'utf-8';
        message.properties.add('alarm', 'no & yes=ä');
        await client.sendEvent(message);
        await client.sendEvent(new Message(''));
        await Promise.all(Array.from({ length: 50 }, (_, i) => client.sendEvent(new Message(`${i}`))));
    });
}

test('over MQTT and WebSocket it is one identity with one connection', async (t) => {
    const device = await newDevice(t);
    const first = await connect(t, device, { transport: Mqtt });
    const dropped = nextEvent(first, 'disconnect');
    await connect(t, device, { transport: MqttWs });
    await dropped;
});

test('a second connection with a wrong key leaves the first alone', async (t) => {
    const device = await newDevice(t);
    const first = await connectRaw(t, device);
    await assert.rejects(connect(t, device, { key: randomKey() }), { message: /Not authorized|Unauthorized/ });
    await first.ping();
});

test('replacing the keys of a connected device closes its connection', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    await registry.update({ ...device, authentication: { type: 'sas', symmetricKey: {
        primaryKey: randomKey(), secondaryKey: randomKey() } } });
    await client.waitClosed();
});

test('a status reason alone does not close the connection', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    await registry.update({ ...device, statusReason: 'fine' });
    await client.ping();
});

test("deleting a device drops its modules' connections", async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, await newModule(t, device));
    await registry.delete(device.deviceId);
    await client.waitClosed();
});

test('the twin says whether its device is connected and when it was last active', async (t) => {
    const device = await newDevice(t);
    const before = await getTwin(device.deviceId);
    assert.equal(before.connectionState, 'Disconnected');
    const client = await connect(t, device);
    const during = await getTwin(device.deviceId);
    assert.equal(during.connectionState, 'Connected');
    assert.notEqual(during.lastActivityTime, '0001-01-01T00:00:00Z');
    assert.equal(during.etag, before.etag);
    assert.equal(during.version, before.version);
    await client.close();
    await until(async () => await stateOf(device) === 'Disconnected', 'the device to be gone');
    const identity = (await registry.get(device.deviceId)).responseBody;
    assert.equal(identity.connectionState, 'Disconnected');
    assert.notEqual(identity.connectionStateUpdatedTime, '0001-01-01T00:00:00Z');
});

test('service statistics count connected devices', async (t) => {
    const count = async () => (await rest.get('/statistics/service')).json.connectedDeviceCount;
    const device = await newDevice(t);
    await until(async () => {
        const before = await count();
        const client = await connectRaw(t, device);
        const during = await count();
        await client.disconnect();
        return during === before + 1;
    }, 'the count to rise by one');
});

// mqtt.js itself, as the SDK uses it, for what the SDK hides: a session that outlives its connection.
function mqttJs(t, device, options = {}) {
    const { clientId, user, password } = credentials(hub, { ...device, key: keyOf(device) });
    const client = mqtt.connect(`mqtts://${hub.host}:8883`, {
        clientId, username: user, password, clean: false, reconnectPeriod: 0, ca: hub.ca,
        resubscribe: false, ...options });
    client.on('error', () => {});
    t.after(() => client.end(true));
    const messages = new Inbox();
    client.on('message', (topic, payload) => messages.put({ topic, payload: payload.toString() }));
    return { client, messages };
}

const subscribe = (client, filter) => new Promise((done, fail) =>
    client.subscribe(filter, { qos: 0 }, (error, granted) => (error ? fail(error) : done(granted))));
const end = (client) => new Promise((done) => client.end(false, {}, done));

test('a reconnect with clean session 0 keeps its subscriptions', async (t) => {
    const device = await newDevice(t);
    const first = mqttJs(t, device);
    const [fresh] = await nextEvent(first.client, 'connect');
    assert.equal(fresh.sessionPresent, false);
    await subscribe(first.client, topics.results);
    await subscribe(first.client, topics.desired);
    await end(first.client);

    const second = mqttJs(t, device);
    const [kept] = await nextEvent(second.client, 'connect');
    assert.equal(kept.sessionPresent, true);
    await patchDesired(device.deviceId, { renewed: true });
    assert.equal((await second.messages.take()).payload, '{"renewed":true,"$version":2}');
    second.client.publish(topics.get('1'), ' ');
    assert.equal((await second.messages.take()).topic, '$iothub/twin/res/200/?$rid=1');
});

test('a connection with clean session 1 begins without subscriptions and leaves none', async (t) => {
    const device = await newDevice(t);
    const first = await connectRaw(t, device);
    await first.subscribe([topics.desired, topics.results]);
    await first.disconnect();
    const clean = await connectRaw(t, device, { clean: true });
    assert.equal(clean.sessionPresent, false);
    await clean.subscribe(topics.desired);
    await clean.disconnect();
    const after = await connectRaw(t, device);
    assert.equal(after.sessionPresent, false);
});

test('a takeover keeps the session', async (t) => {
    const device = await newDevice(t);
    const first = await connectRaw(t, device);
    await first.subscribe(topics.desired);
    const second = await connectRaw(t, device);
    await first.waitClosed();
    assert.equal(second.sessionPresent, true);
    await patchDesired(device.deviceId, { a: 1 });
    assert.deepEqual(JSON.parse((await second.published.take()).payload), { a: 1, $version: 2 });
});

test('unsubscribing ends in the session too', async (t) => {
    const device = await newDevice(t);
    const first = await connectRaw(t, device);
    await first.subscribe([topics.desired, topics.results]);
    first.send(packets.unsubscribe([topics.desired, 'never/subscribed'], 9));
    const unsuback = await first.received.take((p) => p.type === types.unsuback, 'UNSUBACK');
    assert.equal(unsuback.body.readUInt16BE(0), 9);
    await first.disconnect();
    const second = await connectRaw(t, device);
    await patchDesired(device.deviceId, { a: 1 });
    assert.equal((await second.getTwin()).status, 200);
    assert.equal(second.published.size, 0);
});

test('a recreated device has no session', async (t) => {
    const device = await newDevice(t);
    const first = await connectRaw(t, device);
    await first.subscribe(topics.results);
    await first.disconnect();
    await registry.delete(device.deviceId);
    const again = await newDevice(t, { deviceId: device.deviceId });
    assert.equal((await connectRaw(t, again)).sessionPresent, false);
});

test('every filter that the SDKs use is granted with what they ask', async (t) => {
    const device = await newDevice(t);
    const id = device.deviceId;
    const client = await connectRaw(t, device, { clean: true });
    assert.deepEqual(await client.subscribe([
        topics.results, topics.desired, '$iothub/methods/POST/#',
        `devices/${id}/messages/devicebound/#`]), [0, 0, 0, 0]);
    assert.deepEqual(await client.subscribe([topics.results, topics.desired], { qos: 1 }), [1, 1]);
    assert.deepEqual(await client.subscribe(topics.results, { qos: 2 }), [1]);
    assert.deepEqual(await client.subscribe('devices/+/messages/devicebound/#'), [0]);
});

test('filters of a module are granted to the module', async (t) => {
    const module = await newModule(t, await newDevice(t));
    const client = await connectRaw(t, module);
    const own = `devices/${module.deviceId}/modules/${module.moduleId}`;
    assert.deepEqual(await client.subscribe([`${own}/#`, `${own}/inputs/#`], { qos: 1 }), [1, 1]);
});

test('other filters are refused one by one, and the connection stays', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    assert.deepEqual(await client.subscribe([
        '#', '+/+', topics.results, 'devices/other/messages/devicebound/#', '$SYS/#',
        '$iothub/twin/#']), [128, 128, 0, 128, 128, 128]);
    assert.equal((await client.getTwin()).status, 200);
});

test('pings are answered', async (t) => {
    const client = await connectRaw(t, await newDevice(t));
    await client.ping();
    await client.ping();
});

test('a silent client is dropped after one and a half times its keep-alive', async (t) => {
    const client = await connectRaw(t, await newDevice(t), { keepAlive: 1 });
    await client.waitClosed();
});

test('packets sent before CONNACK are answered after it', async (t) => {
    const device = await newDevice(t);
    const client = await openRaw(t);
    client.send(packets.connect(credentials(hub, { ...device, key: keyOf(device) })),
                packets.subscribe(topics.results), packets.publish(topics.get('early'), ' '));
    assert.equal(await client.connack(), 0);
    assert.equal((await client.published.take()).topic, '$iothub/twin/res/200/?$rid=early');
});

test('a connection does not outlive its token', async (t) => {
    const device = await newDevice(t);
    // Accepted because of the skew of 300 s, and over 2 s later.
    const { user, clientId } = credentials(hub, device);
    const client = await connectRaw(t, device, {
        user, clientId, password: credentials(hub, {
            ...device, key: keyOf(device), expiry: secondsFromNow(-298) }).password });
    await client.waitClosed();
});

const telemetry = (device, bag = '') => `devices/${device.deviceId}/messages/events/${bag}`;
const closing = {
    'QoS 2': (device) => packets.publish(telemetry(device), 'x', { qos: 2 }),
    'an unknown topic': () => packets.publish('some/topic', 'x'),
    "another device's telemetry topic": () => packets.publish('devices/other/messages/events/', 'x'),
    'a wildcard in the topic': () => packets.publish('$iothub/twin/GET/#', 'x'),
    'a second CONNECT': (device) =>
        packets.connect(credentials(hub, { ...device, key: keyOf(device) })),
    'a twin request without request id': () => packets.publish('$iothub/twin/GET/?$rid=', ' '),
    'a request id of 257 bytes': () => packets.publish(topics.get('x'.repeat(257)), ' '),
    'packet id 0': (device) => packets.publish(telemetry(device), 'x', { qos: 1, id: 0 }),
    'PUBREL': () => packet(0x62, Buffer.from([0, 1])),
    'reserved flags in SUBSCRIBE': () => packet(0x80, Buffer.from([0, 1]), text('#'), Buffer.from([0])),
    'a message of more than 256 KB': (device) =>
        packets.publish(telemetry(device), Buffer.alloc(262_145), { qos: 1 }),
};
for (const [what, make] of Object.entries(closing)) {
    test(`${what} closes the connection`, async (t) => {
        const device = await newDevice(t);
        const client = await connectRaw(t, device);
        client.send(make(device));
        await client.waitClosed();
    });
}

test('telemetry with retain, with dup and with every kind of property bag is acknowledged', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    const puback = async () => (await client.received.take(
        (p) => p.type === types.puback, 'PUBACK')).body.readUInt16BE(0);
    let id = 0;
    for (const [bag, options] of [
        ['', {}], ['', { retain: true }], ['', { dup: true }], ['a=b&c', {}], ['%24.ct=text%2Fplain', {}],
        ['?a=b', {}], ['%24.on=out1/', {}], ['raw value=with spaces', {}]]) {
        client.send(packets.publish(telemetry(device, bag), 'x', { qos: 1, id: ++id, ...options }));
        assert.equal(await puback(), id, bag);
    }
    client.send(packets.publish(telemetry(device).slice(0, -1), '', { qos: 1, id: ++id }));
    assert.equal(await puback(), id);
    client.send(packets.publish(telemetry(device), Buffer.alloc(256 * 1024 - 4096), { qos: 1, id: ++id }));
    assert.equal(await puback(), id);
});

test('a will on the own telemetry topic is accepted, any other refused', async (t) => {
    const device = await newDevice(t);
    const own = { topic: telemetry(device), payload: 'gone' };
    const client = await connectRaw(t, device, { will: own });
    client.destroy();
    for (const will of [{ topic: 'x', payload: '' }, { ...own, qos: 2 },
                        { topic: 'devices/other/messages/events/', payload: '' }]) {
        const refused = await openRaw(t);
        refused.send(packets.connect({
            ...credentials(hub, { ...device, key: keyOf(device) }), will }));
        assert.equal(await refused.connack(), 5);
        await refused.waitClosed();
    }
});

test('a packet may come byte by byte', async (t) => {
    const device = await newDevice(t);
    const client = await openRaw(t);
    const bytes = Buffer.concat([
        packets.connect(credentials(hub, { ...device, key: keyOf(device) })),
        packets.subscribe(topics.results), packets.publish(topics.get('1'), ' ')]);
    for (const byte of bytes) client.send(Buffer.from([byte]));
    assert.equal(await client.connack(), 0);
    assert.equal((await client.published.take()).topic, '$iothub/twin/res/200/?$rid=1');
});
