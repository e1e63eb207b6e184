// What AMQP clients do that the Node device SDK does not: many devices on one connection, tokens
// renewed on a live one, other spellings (specification: device-protocols 4, 8, 9).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import rhea from 'rhea';
import { ask, Peer, resourceOf, tokenOf } from './lib/amqp_peer.js';
import { getTwin, hub, keyOf, newDevice, newId, newModule, patchDesired } from './lib/fixture.js';
import { parseConnectionString, sasToken, secondsFromNow } from './lib/sas.js';
import { nextEvent, until } from './lib/wait.js';

test('many devices share a connection, each with links and changes of its own', async (t) => {
    const peer = await Peer.open(t);
    const devices = await Promise.all(Array.from({ length: 12 }, () => newDevice(t)));
    const twins = [];
    for (const device of devices) {
        assert.equal(await peer.putToken(resourceOf(device), tokenOf(device)), 200);
        twins.push(await peer.twin(device.deviceId, peer.session()));
    }
    await Promise.all(twins.map((twin) =>
        ask(twin, 'PUT', { resource: '/notifications/twin/properties/desired' })));
    await Promise.all(devices.map(({ deviceId }, n) => patchDesired(deviceId, { n })));
    for (const [n, twin] of twins.entries()) {
        const change = await twin.down.inbox.take();
        assert.equal(change.correlation_id, undefined);
        assert.deepEqual(JSON.parse(change.body.content), { n, $version: 2 });
    }
    const answers = await Promise.all(twins.map((twin, n) => ask(twin, 'PATCH', {
        resource: '/properties/reported', body: JSON.stringify({ n }) })));
    assert.deepEqual(answers.map(({ status }) => status), devices.map(() => 204));
    for (const [n, { deviceId }] of devices.entries()) {
        const twin = await getTwin(deviceId);
        assert.equal(twin.properties.reported.n, n);
        assert.equal(twin.connectionState, 'Connected');
    }
    peer.connection.close();
    await until(async () => (await getTwin(devices[3].deviceId)).connectionState === 'Disconnected',
                'the devices to be gone');
});

test('a token that is renewed keeps the links', async (t) => {
    const device = await newDevice(t);
    const peer = await Peer.open(t);
    for (const expiry of [secondsFromNow(60), secondsFromNow(3600)])
        assert.equal(await peer.putToken(resourceOf(device), tokenOf(device, { expiry })), 200);
    const twin = await peer.twin(device.deviceId);
    assert.equal(await peer.putToken(resourceOf(device), tokenOf(device)), 200);
    assert.equal((await ask(twin, 'GET')).status, 200);
});

test('every pair of links to $cbs hears of its own tokens', async (t) => {
    const [first, second] = [await newDevice(t), await newDevice(t)];
    const peer = await Peer.open(t);
    assert.equal(await peer.putToken(resourceOf(first), tokenOf(first)), 200);
    const before = { tokens: peer.tokens, verdicts: peer.verdicts };
    await peer.cbs();
    assert.equal(await peer.putToken(resourceOf(second), tokenOf(second)), 200);
    Object.assign(peer, before);
    const wrong = tokenOf(first, { key: keyOf(second) });
    assert.equal(await peer.putToken(resourceOf(first), wrong), 401);
});

test('a model that a link names is the model of the device', async (t) => {
    const device = await newDevice(t);
    const peer = await Peer.open(t);
    assert.equal(await peer.putToken(resourceOf(device), tokenOf(device)), 200);
    await peer.sender(`/devices/${device.deviceId}/messages/events`, {
        properties: { 'com.microsoft:model-id': 'dtmi:com:example:Thermostat;1' } });
    await until(async () => (await getTwin(device.deviceId)).modelId
        === 'dtmi:com:example:Thermostat;1', 'the model to be known');
});

test('correlation ids of every type come back as they were', async (t) => {
    const device = await newDevice(t);
    const peer = await Peer.open(t);
    assert.equal(await peer.putToken(resourceOf(device), tokenOf(device)), 200);
    const twin = await peer.twin(device.deviceId);
    for (const correlation of ['text', 77, rhea.string_to_uuid(rhea.generate_uuid())]) {
        twin.up.send({ message_annotations: { operation: 'GET' }, correlation_id: correlation,
                       body: rhea.message.data_section(Buffer.from(' ')) });
        const { correlation_id: back } = await twin.down.inbox.take();
        assert.deepEqual(back, correlation);
    }
});

test("a gateway's one policy token connects devices and modules", async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const key = parseConnectionString(hub.connectionStringOf('device')).SharedAccessKey;
    const peer = await Peer.open(t);
    const token = sasToken({ resource: hub.host, key, policy: 'device' });
    assert.equal(await peer.putToken(hub.host, token), 200);
    for (const id of [device.deviceId, `${device.deviceId}/modules/${module.moduleId}`])
        assert.equal((await ask(await peer.twin(id), 'GET')).status, 200, id);
});

test('SASL PLAIN says who a device is', async (t) => {
    const device = await newDevice(t);
    const label = hub.host.split('.')[0];
    const peer = await Peer.open(t, {
        username: `${device.deviceId}@sas.${label}`, password: tokenOf(device) });
    assert.equal((await ask(await peer.twin(device.deviceId), 'GET')).status, 200);
    const failing = rhea.create_container().connect({
        port: hub.amqpPort, host: hub.address, transport: 'tls', ca: hub.ca, servername: hub.host,
        reconnect: false, username: `${device.deviceId}@sas.${label}`, password: 'wrong' });
    failing.on('disconnected', () => {});
    await nextEvent(failing, 'connection_error');
});

test('what is not allowed is refused with its condition', async (t) => {
    const device = await newDevice(t);
    const peer = await Peer.open(t);
    const condition = (name) => (error) => error.condition === name;
    await assert.rejects(peer.sender(`/devices/${device.deviceId}/twin`),
                         condition('amqp:unauthorized-access'));
    const wrong = tokenOf(device, { key: keyOf(await newDevice(t)) });
    assert.equal(await peer.putToken(resourceOf(device), wrong), 401);
    assert.equal(await peer.putToken(resourceOf(device), tokenOf(device)), 200);
    await assert.rejects(peer.sender('/devices/x/y/z'), condition('amqp:not-found'));
    await assert.rejects(peer.sender(`/devices/${newId('other')}/twin`));
    await assert.rejects(peer.sender('/messages/devicebound'), condition('amqp:unauthorized-access'));
});

test('an id that has to be escaped may be, and may not', async (t) => {
    const device = await newDevice(t, { deviceId: `${newId('at')}@1` });
    const peer = await Peer.open(t);
    assert.equal(await peer.putToken(encodeURIComponent(resourceOf(device)), tokenOf(device)), 200);
    for (const address of [device.deviceId, encodeURIComponent(device.deviceId)])
        assert.equal((await ask(await peer.twin(address), 'GET')).status, 200, address);
});
