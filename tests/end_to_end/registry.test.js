// The identity registry through azure-iothub (specification: service-api 4, checklist N1 to N6).
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { getTwin, keyOf, newDevice, newId, registry, rest } from './lib/fixture.js';
import { randomKey } from './lib/sas.js';

const decodedLength = (key) => Buffer.from(key, 'base64').length;

test('a device created with an id only gets two different generated keys', async (t) => {
    const device = await newDevice(t);
    const { primaryKey, secondaryKey } = device.authentication.symmetricKey;
    assert.equal(device.authentication.type, 'sas');
    assert.equal(device.status, 'enabled');
    assert.equal(device.statusReason, null);
    assert.equal(device.connectionState, 'Disconnected');
    assert.equal(device.lastActivityTime, '0001-01-01T00:00:00Z');
    assert.deepEqual(device.capabilities, { iotEdge: false });
    assert.ok(decodedLength(primaryKey) >= 32 && decodedLength(secondaryKey) >= 32);
    assert.notEqual(primaryKey, secondaryKey);
    assert.deepEqual(device.authentication.x509Thumbprint,
                     { primaryThumbprint: null, secondaryThumbprint: null });
    assert.match(device.generationId, /^\d+$/);
    assert.match(Buffer.from(device.etag, 'base64').toString(), /^\d+$/);

    const fetched = (await registry.get(device.deviceId)).responseBody;
    assert.deepEqual(fetched, device);
});

test('supplied keys are echoed byte for byte', async (t) => {
    const symmetricKey = { primaryKey: randomKey(16), secondaryKey: randomKey(64) };
    const device = await newDevice(t, { authentication: { symmetricKey } });
    assert.deepEqual(device.authentication.symmetricKey, symmetricKey);
    const fetched = (await registry.get(device.deviceId)).responseBody;
    assert.deepEqual(fetched.authentication.symmetricKey, symmetricKey);
});

test('supplied thumbprints are echoed and make the device self-signed', async (t) => {
    const x509Thumbprint = { primaryThumbprint: 'AB'.repeat(20), secondaryThumbprint: 'cd'.repeat(32) };
    const device = await newDevice(t, { authentication: { x509Thumbprint } });
    assert.equal(device.authentication.type, 'selfSigned');
    assert.deepEqual(device.authentication.x509Thumbprint, x509Thumbprint);
    assert.deepEqual(device.authentication.symmetricKey, { primaryKey: null, secondaryKey: null });
});

test('a device trusted by its authority has neither keys nor thumbprints', async (t) => {
    const device = await newDevice(t, { authentication: { type: 'certificateAuthority' } });
    assert.equal(device.authentication.type, 'certificateAuthority');
    assert.deepEqual(device.authentication.symmetricKey, { primaryKey: null, secondaryKey: null });
});

test('a device can be created disabled, with a reason', async (t) => {
    const device = await newDevice(t, { status: 'disabled', statusReason: 'not delivered yet' });
    assert.equal(device.status, 'disabled');
    assert.equal(device.statusReason, 'not delivered yet');
});

for (const [what, authentication] of [
    ['only one key', { type: 'sas', symmetricKey: { primaryKey: randomKey(), secondaryKey: '' } }],
    ['a key that is not base64',
     { type: 'sas', symmetricKey: { primaryKey: '!!!', secondaryKey: randomKey() } }],
    ['a key of 15 bytes',
     { type: 'sas', symmetricKey: { primaryKey: randomKey(15), secondaryKey: randomKey() } }],
    ['a key of 65 bytes',
     { type: 'sas', symmetricKey: { primaryKey: randomKey(65), secondaryKey: randomKey() } }],
    ['a thumbprint of 39 digits',
     { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'A'.repeat(39) } }],
    ['a thumbprint with separators',
     { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: Array(20).fill('AB').join(':') } }],
    ['authentication type none', { type: 'none' }],
    ['an unknown authentication type', { type: 'handshake' }],
]) {
    test(`a device with ${what} is refused`, async (t) => {
        await assert.rejects(newDevice(t, { authentication }), { name: 'ArgumentError' });
    });
}

for (const word of ['a-b:c.d+e', 'p%q_r#s*t?u!', '(v),w=x@y;z$', "quote'", 'A'.repeat(128)]) {
    test(`the device id ${word.slice(0, 20)} is a good one`, async (t) => {
        const deviceId = word.length === 128 ? word : `${newId('id')}-${word}`;
        await newDevice(t, { deviceId });
        assert.equal((await registry.get(deviceId)).responseBody.deviceId, deviceId);
        assert.equal((await getTwin(deviceId)).deviceId, deviceId);
    });
}

for (const deviceId of ['invalid/name', 'sp ace', 'umlaut-ä', 'A'.repeat(129), 'back\\slash']) {
    test(`the device id ${deviceId.slice(0, 20)} is refused`, async (t) => {
        await assert.rejects(newDevice(t, { deviceId }), { name: 'ArgumentError' });
    });
}

test('device ids are case-sensitive', async (t) => {
    const lower = newId('case');
    await newDevice(t, { deviceId: lower });
    await assert.rejects(registry.get(lower.toUpperCase()), { name: 'DeviceNotFoundError' });
    await newDevice(t, { deviceId: lower.toUpperCase() });
});

test('an id that exists cannot be created again', async (t) => {
    const device = await newDevice(t);
    await assert.rejects(registry.create({ deviceId: device.deviceId }),
                         { name: 'DeviceAlreadyExistsError' });
});

test('the list contains every device, and none after its deletion', async (t) => {
    const devices = [await newDevice(t), await newDevice(t), await newDevice(t)];
    const listed = async () => (await registry.list()).responseBody.map((d) => d.deviceId);
    const before = await listed();
    for (const { deviceId } of devices) assert.ok(before.includes(deviceId));
    await registry.delete(devices[1].deviceId);
    const after = await listed();
    assert.ok(after.includes(devices[0].deviceId) && after.includes(devices[2].deviceId));
    assert.ok(!after.includes(devices[1].deviceId));
});

test('the list is no longer than asked for', async (t) => {
    await newDevice(t);
    await newDevice(t);
    const answer = await rest.get('/devices/?top=1&api-version=2021-04-12');
    assert.equal(answer.status, 200);
    assert.equal(answer.json.length, 1);
});

test('a deleted device and its twin are gone', async (t) => {
    const device = await newDevice(t);
    await registry.delete(device.deviceId);
    await assert.rejects(registry.get(device.deviceId), { name: 'DeviceNotFoundError' });
    await assert.rejects(registry.getTwin(device.deviceId), { name: 'DeviceNotFoundError' });
});

test('a device that does not exist cannot be deleted', async () => {
    await assert.rejects(registry.delete(newId('nobody')), { name: 'DeviceNotFoundError' });
});

test('a device created again has a new generation and an empty twin', async (t) => {
    const first = await newDevice(t);
    await registry.updateTwin(first.deviceId, { tags: { site: 'a' } }, '*');
    await registry.delete(first.deviceId);
    const second = await newDevice(t, { deviceId: first.deviceId });
    assert.notEqual(second.generationId, first.generationId);
    const twin = await getTwin(first.deviceId);
    assert.deepEqual(twin.tags, {});
    assert.equal(twin.properties.desired.$version, 1);
    assert.equal(twin.properties.reported.$version, 1);
});

test('an update stores a new secondary key and a new etag', async (t) => {
    const device = await newDevice(t);
    device.authentication.symmetricKey.secondaryKey = randomKey();
    const updated = (await registry.update(device)).responseBody;
    assert.deepEqual(updated.authentication, device.authentication);
    assert.notEqual(updated.etag, device.etag);
    const fetched = (await registry.get(device.deviceId)).responseBody;
    assert.deepEqual(fetched.authentication, device.authentication);
    assert.equal(fetched.etag, updated.etag);
});

test('an update without authentication generates new keys', async (t) => {
    const device = await newDevice(t);
    const path = `/devices/${device.deviceId}`;
    const answer = await rest.put(path, { deviceId: device.deviceId }, { 'If-Match': '*' });
    assert.equal(answer.status, 200);
    assert.notEqual(keyOf(answer.json), keyOf(device));
});

test('empty keys in an update are replaced by generated ones', async (t) => {
    const device = await newDevice(t);
    const authentication = { type: 'sas', symmetricKey: { primaryKey: '', secondaryKey: '' } };
    const updated = (await registry.update({ ...device, authentication })).responseBody;
    assert.equal(decodedLength(keyOf(updated)), 32);
    assert.notEqual(keyOf(updated), keyOf(device));
});

test('read-only members of an update are ignored', async (t) => {
    const device = await newDevice(t);
    const updated = (await registry.update({
        ...device, generationId: '7', connectionState: 'Connected', cloudToDeviceMessageCount: 9,
        lastActivityTime: '2020-01-01T00:00:00Z', statusReason: 'kept',
    })).responseBody;
    assert.equal(updated.generationId, device.generationId);
    assert.equal(updated.connectionState, 'Disconnected');
    assert.equal(updated.lastActivityTime, '0001-01-01T00:00:00Z');
    assert.equal(updated.statusReason, 'kept');
});

test('disabling a device shows in identity, twin and status time', async (t) => {
    const device = await newDevice(t);
    const updated = (await registry.update({
        ...device, status: 'disabled', statusReason: 'stolen' })).responseBody;
    assert.equal(updated.status, 'disabled');
    assert.notEqual(updated.statusUpdatedTime, '0001-01-01T00:00:00Z');
    const twin = await getTwin(device.deviceId);
    assert.equal(twin.status, 'disabled');
    assert.equal(twin.statusReason, 'stolen');
    assert.equal(twin.deviceEtag, updated.etag);
});

test('the id in the body has to be the id in the path', async (t) => {
    const id = newId();
    t.after(() => registry.delete(id).catch(() => {}));
    const answer = await rest.put(`/devices/${id}`, { deviceId: `${id}-other` });
    assert.equal(answer.status, 400);
    assert.equal(answer.errorName, 'ArgumentInvalid');
});

test('an edge device gets a scope, its leaf echoes it, an unknown scope is refused', async (t) => {
    const edge = await newDevice(t, { capabilities: { iotEdge: true } });
    assert.equal(edge.capabilities.iotEdge, true);
    assert.equal(edge.deviceScope, `ms-azure-iot-edge://${edge.deviceId}-${edge.generationId}`);
    const leaf = await newDevice(t, { deviceScope: edge.deviceScope });
    assert.equal(leaf.deviceScope, edge.deviceScope);
    assert.deepEqual(leaf.parentScopes, [edge.deviceScope]);
    await assert.rejects(registry.update({ ...leaf, deviceScope: randomUUID() }),
                         { name: 'ArgumentError' });
    assert.equal((await registry.get(leaf.deviceId)).responseBody.deviceScope, edge.deviceScope);
});

test('an edge device that becomes a leaf may echo its own scope', async (t) => {
    const edge = await newDevice(t, { capabilities: { iotEdge: true } });
    const runtime = `/devices/${edge.deviceId}/modules/$edgeHub`;
    const alone = await rest.delete(runtime, { 'If-Match': '*' });
    assert.equal(alone.status, 401);
    assert.equal(alone.errorName, 'SystemModuleModifyUnauthorizedAccess');
    const leaf = (await registry.update({ ...edge, capabilities: { iotEdge: false } })).responseBody;
    assert.equal(leaf.capabilities.iotEdge, false);
    assert.ok(!leaf.deviceScope);
    assert.equal((await rest.get(runtime)).status, 404);
});

test('edge devices nest, and a leaf hangs below the inner one', async (t) => {
    const root = await newDevice(t, { capabilities: { iotEdge: true } });
    const child = await newDevice(t, {
        capabilities: { iotEdge: true }, parentScopes: [root.deviceScope] });
    assert.notEqual(child.deviceScope, root.deviceScope);
    assert.deepEqual(child.parentScopes, [root.deviceScope]);
    const leaf = await newDevice(t, {
        deviceScope: child.deviceScope, parentScopes: [child.deviceScope] });
    assert.equal(leaf.deviceScope, child.deviceScope);
    assert.deepEqual(leaf.parentScopes, [child.deviceScope]);
});

test('statistics count devices by status', async (t) => {
    const count = async () => (await registry.getRegistryStatistics()).responseBody;
    const before = await count();
    await newDevice(t);
    await newDevice(t, { status: 'disabled' });
    assert.deepEqual(await count(), {
        totalDeviceCount: before.totalDeviceCount + 2,
        enabledDeviceCount: before.enabledDeviceCount + 1,
        disabledDeviceCount: before.disabledDeviceCount + 1,
    });
});

test('keys are never part of a twin', async (t) => {
    const device = await newDevice(t);
    const answer = await rest.get(`/twins/${device.deviceId}`);
    assert.ok(!answer.text.includes(keyOf(device)));
});
