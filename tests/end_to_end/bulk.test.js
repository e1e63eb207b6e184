// Bulk operations on identities and twins (specification: service-api 4.6, checklist N8).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getTwin, newDevice, newId, registry, rest } from './lib/fixture.js';
import { randomKey } from './lib/sas.js';

const newKeys = () => ({ type: 'sas', symmetricKey: { primaryKey: randomKey(), secondaryKey: randomKey() } });

function newIds(t, count) {
    const ids = Array.from({ length: count }, () => newId('bulk'));
    t.after(() => Promise.all(ids.map((id) => registry.delete(id).catch(() => {}))));
    return ids;
}

const bulk = (items) => rest.post('/devices/?api-version=2021-04-12', items);

test('many devices are added, updated and removed at once', async (t) => {
    const devices = newIds(t, 20).map((deviceId) => ({ deviceId, authentication: newKeys() }));
    const added = await registry.addDevices(devices);
    assert.equal(added.httpResponse.statusCode, 200);
    assert.equal(added.responseBody.isSuccessful, true);
    assert.deepEqual(added.responseBody.errors, []);
    for (const { deviceId, authentication } of devices) {
        const { responseBody } = await registry.get(deviceId);
        assert.deepEqual(responseBody.authentication.symmetricKey, authentication.symmetricKey);
    }

    const changed = devices.map((device) => ({ ...device, status: 'disabled' }));
    const updated = await registry.updateDevices(changed, true);
    assert.equal(updated.responseBody.isSuccessful, true);
    for (const { deviceId } of devices)
        assert.equal((await registry.get(deviceId)).responseBody.status, 'disabled');

    const removed = await registry.removeDevices(devices, true);
    assert.equal(removed.responseBody.isSuccessful, true);
    for (const { deviceId } of devices)
        await assert.rejects(registry.get(deviceId), { name: 'DeviceNotFoundError' });
});

test('an update that is not forced needs the etag it was read with', async (t) => {
    const device = await newDevice(t);
    const current = { deviceId: device.deviceId, etag: device.etag, eTag: device.etag,
                      authentication: device.authentication, statusReason: 'first' };
    assert.equal((await registry.updateDevices([current], false)).responseBody.isSuccessful, true);
    const stale = await bulk([{ id: device.deviceId, importMode: 'updateIfMatchETag',
                                eTag: device.etag, status: 'enabled', statusReason: 'second' }]);
    assert.equal(stale.status, 400);
    assert.equal(stale.json.errors[0].errorCode, 'PreconditionFailed');
    assert.equal((await registry.get(device.deviceId)).responseBody.statusReason, 'first');
});

test('a removal that is not forced needs the etag it was read with', async (t) => {
    const device = await newDevice(t);
    const item = (eTag) => [{ id: device.deviceId, importMode: 'deleteIfMatchETag', eTag }];
    assert.equal((await bulk(item('c3RhbGU='))).status, 400);
    assert.equal((await bulk(item(`"${device.etag}"`))).status, 200);
    await assert.rejects(registry.get(device.deviceId), { name: 'DeviceNotFoundError' });
});

test('when some items fail, the others are done and the answer names the failed', async (t) => {
    const existing = await newDevice(t);
    const [fresh] = newIds(t, 1);
    const answer = await bulk([
        { id: existing.deviceId, importMode: 'create', status: 'enabled' },
        { id: fresh, importMode: 'create', status: 'enabled' },
    ]);
    assert.equal(answer.status, 400);
    assert.equal(answer.headers['iothuberrorcode'], 'BulkRegistryOperationFailure');
    assert.equal(answer.headers['iothub-errorcode'], 'BulkRegistryOperationFailure');
    assert.equal(answer.json.isSuccessful, false);
    assert.equal(answer.json.errors.length, 1);
    assert.equal(answer.json.errors[0].deviceId, existing.deviceId);
    assert.equal(answer.json.errors[0].errorCode, 'DeviceAlreadyExists');
    assert.ok(answer.json.errors[0].errorStatus.length > 0);
    assert.equal((await registry.get(fresh)).responseBody.status, 'enabled');
});

test('a device can be created together with its twin', async (t) => {
    const [id] = newIds(t, 1);
    const answer = await bulk([{
        id, importMode: 'create', status: 'enabled', tags: { site: 'north' },
        properties: { desired: { interval: 5 } } }]);
    assert.equal(answer.status, 200);
    const twin = await getTwin(id);
    assert.deepEqual(twin.tags, { site: 'north' });
    assert.equal(twin.properties.desired.interval, 5);
});

test('twins are patched in bulk, forced or against their etag', async (t) => {
    const device = await newDevice(t);
    const before = await getTwin(device.deviceId);
    const item = (importMode, interval, twinETag) => [{
        id: device.deviceId, importMode, twinETag, status: 'enabled',
        tags: { by: importMode }, properties: { desired: { interval } } }];
    assert.equal((await bulk(item('updateTwinIfMatchETag', 1, before.etag))).status, 200);
    assert.equal((await getTwin(device.deviceId)).properties.desired.interval, 1);
    const stale = await bulk(item('updateTwinIfMatchETag', 2, before.etag));
    assert.equal(stale.json.errors[0].errorCode, 'PreconditionFailed');
    assert.equal((await bulk(item('updateTwin', 3))).status, 200);
    const after = await getTwin(device.deviceId);
    assert.equal(after.properties.desired.interval, 3);
    assert.deepEqual(after.tags, { by: 'updateTwin' });
});

test('the same id twice in one request is refused', async (t) => {
    const [id] = newIds(t, 1);
    const item = { id, importMode: 'create', status: 'enabled' };
    const answer = await bulk([item, item]);
    assert.equal(answer.status, 400);
    assert.match(answer.text, /DeviceDefinedMultipleTimes/);
});

test('more than a hundred items are refused', async (t) => {
    const items = newIds(t, 101).map((id) => ({ id, importMode: 'create', status: 'enabled' }));
    const answer = await bulk(items);
    assert.equal(answer.status, 413);
    assert.equal(answer.errorName, 'TooManyDevices');
    await assert.rejects(registry.get(items[0].id), { name: 'DeviceNotFoundError' });
});

test('import modes are read without regard to case', async (t) => {
    const [id] = newIds(t, 1);
    assert.equal((await bulk([{ id, importMode: 'CREATE', status: 'Enabled' }])).status, 200);
    assert.equal((await bulk([{ id, importMode: 'Delete' }])).status, 200);
});

test('keys are regenerated in bulk, one kind or both', async (t) => {
    const sas = await newDevice(t);
    const x509 = await newDevice(t, { authentication: { type: 'selfSigned' } });
    const regenerate = (policyKey, devices) => rest.post(
        '/devices/keys/regenerate?api-version=2024-03-31', { policyKey, devices });
    const primary = await regenerate('primaryKey', [{ id: sas.deviceId }]);
    assert.equal(primary.status, 200);
    const [rotated] = primary.json.rotatedKeys;
    const before = sas.authentication.symmetricKey;
    assert.notEqual(rotated.primaryKey, before.primaryKey);
    assert.equal(rotated.secondaryKey, null);
    assert.equal((await registry.get(sas.deviceId)).responseBody.authentication.symmetricKey.secondaryKey,
                 before.secondaryKey);
    const both = await regenerate('both', [{ id: sas.deviceId }, { id: x509.deviceId }]);
    assert.equal(both.status, 207);
    assert.equal(both.json.policyKey, 'both');
    assert.equal(both.json.rotatedKeys[0].id, sas.deviceId);
    assert.equal(both.json.errors[0].id, x509.deviceId);
    assert.notEqual(both.json.rotatedKeys[0].secondaryKey, before.secondaryKey);
});
