// Module identities and module twins (specification: service-api 4, twin-document 9, checklist N21).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, getTwin, newDevice, newId, newModule, registry, report, rest, transports, twinOf,
    values, watchDesired,
} from './lib/fixture.js';
import { randomKey } from './lib/sas.js';

const getModule = async ({ deviceId, moduleId }) =>
    (await registry.getModule(deviceId, moduleId)).responseBody;
const getModuleTwin = async ({ deviceId, moduleId }) =>
    (await registry.getModuleTwin(deviceId, moduleId)).responseBody;
const patchModuleTwin = async ({ deviceId, moduleId }, patch, etag = '*') =>
    (await registry.updateModuleTwin(deviceId, moduleId, patch, etag)).responseBody;

test('a module is created, read and listed', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    assert.equal(module.deviceId, device.deviceId);
    assert.equal(module.connectionState, 'Disconnected');
    assert.ok(module.authentication.symmetricKey.primaryKey.length > 0);
    assert.ok(module.etag.length > 0 && module.generationId.length > 0);
    assert.ok(!('status' in module));
    assert.deepEqual(await getModule(module), module);
    const second = await newModule(t, device);
    const listed = (await registry.getModulesOnDevice(device.deviceId)).responseBody;
    assert.deepEqual(listed.map((m) => m.moduleId).sort(),
                     [module.moduleId, second.moduleId].sort());
});

test('a module stores the keys it is updated with', async (t) => {
    const module = await newModule(t, await newDevice(t));
    module.authentication.symmetricKey = { primaryKey: randomKey(), secondaryKey: randomKey() };
    module.managedBy = 'test';
    await registry.updateModule(module, true);
    const fetched = await getModule(module);
    assert.deepEqual(fetched.authentication.symmetricKey, module.authentication.symmetricKey);
    assert.equal(fetched.managedBy, 'test');
    assert.notEqual(fetched.etag, module.etag);
});

test('a module update with a stale etag is refused', async (t) => {
    const module = await newModule(t, await newDevice(t));
    await registry.updateModule({ ...module, managedBy: 'first' });
    await assert.rejects(registry.updateModule({ ...module, managedBy: 'second' }),
                         { name: 'InvalidEtagError' });
    assert.equal((await getModule(module)).managedBy, 'first');
});

test('a module is removed by its ids', async (t) => {
    const { deviceId, moduleId } = await newModule(t, await newDevice(t));
    await registry.removeModule(deviceId, moduleId);
    await assert.rejects(registry.getModule(deviceId, moduleId), { message: /Not found/ });
});

test('a module is removed as an object, with its etag', async (t) => {
    const module = await newModule(t, await newDevice(t));
    await new Promise((done, fail) =>
        registry.removeModule(module, (error) => (error ? fail(error) : done())));
    await assert.rejects(getModule(module), { message: /Not found/ });
});

test('an existing module cannot be created again', async (t) => {
    const module = await newModule(t, await newDevice(t));
    const path = `/devices/${module.deviceId}/modules/${module.moduleId}`;
    const answer = await rest.put(path, { deviceId: module.deviceId, moduleId: module.moduleId });
    assert.equal(answer.status, 409);
    assert.equal(answer.errorName, 'ModuleAlreadyExistsOnDevice');
});

test('a module of a device that does not exist is refused', async () => {
    await assert.rejects(registry.addModule({ deviceId: newId('nobody'), moduleId: 'm' }),
                         { name: 'DeviceNotFoundError' });
});

test('a module id that begins with a dollar sign is refused', async (t) => {
    const device = await newDevice(t);
    await assert.rejects(newModule(t, device, '$mine'), { name: 'ArgumentError' });
});

test('the fifty-first module of a device is refused', async (t) => {
    const device = await newDevice(t);
    for (let i = 0; i < 50; i++) await newModule(t, device, `m${i}`);
    const answer = await rest.put(`/devices/${device.deviceId}/modules/m50`,
                                  { deviceId: device.deviceId, moduleId: 'm50' });
    assert.equal(answer.status, 413);
    assert.equal(answer.errorName, 'TooManyModulesOnDevice');
});

test('modules go with their device', async (t) => {
    const module = await newModule(t, await newDevice(t));
    await registry.delete(module.deviceId);
    await newDevice(t, { deviceId: module.deviceId });
    assert.deepEqual((await registry.getModulesOnDevice(module.deviceId)).responseBody, []);
});

test('a module twin is patched and replaced apart from its device twin', async (t) => {
    const module = await newModule(t, await newDevice(t));
    const before = await getModuleTwin(module);
    assert.equal(before.moduleId, module.moduleId);
    assert.equal(before.deviceEtag, module.etag);
    const patched = await patchModuleTwin(module, {
        tags: { room: 1 }, properties: { desired: { speed: 3 } } }, before.etag);
    assert.equal(patched.properties.desired.speed, 3);
    assert.equal(patched.properties.desired.$version, 2);
    await assert.rejects(patchModuleTwin(module, { tags: { room: 2 } }, before.etag),
                         { name: 'InvalidEtagError' });
    const answer = await rest.put(`/twins/${module.deviceId}/modules/${module.moduleId}`,
                                  { properties: { desired: { other: true } } });
    assert.equal(answer.status, 200);
    assert.deepEqual(values(answer.json.properties.desired), { other: true });
    assert.equal(answer.json.tags, undefined);
    const device = await getTwin(module.deviceId);
    assert.equal(device.properties.desired.$version, 1);
    assert.deepEqual(device.tags, {});
});

test('a module twin that does not exist is not found', async (t) => {
    const device = await newDevice(t);
    await assert.rejects(registry.getModuleTwin(device.deviceId, 'nothing'),
                         { name: 'DeviceNotFoundError' });
});

for (const [name, transport] of transports) {
    test(`a module receives desired properties and reports over ${name}`, async (t) => {
        const module = await newModule(t, await newDevice(t));
        const client = await connect(t, module, { transport });
        const twin = await twinOf(client);
        const patches = await watchDesired(twin);
        await patchModuleTwin(module, { properties: { desired: { speed: 9 } } });
        assert.deepEqual(await patches.take(), { speed: 9, $version: 2 });
        await report(twin, { speed: 9 });
        assert.deepEqual(values((await getModuleTwin(module)).properties.reported), { speed: 9 });
        assert.deepEqual(values((await getTwin(module.deviceId)).properties.reported), {});
    });
}

test('a device and its modules are connected side by side', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const clients = [await connect(t, device), await connect(t, module)];
    const [deviceTwin, moduleTwin] = [await twinOf(clients[0]), await twinOf(clients[1])];
    await report(deviceTwin, { who: 'device' });
    await report(moduleTwin, { who: 'module' });
    assert.equal((await getTwin(device.deviceId)).properties.reported.who, 'device');
    assert.equal((await getModuleTwin(module)).properties.reported.who, 'module');
});

test('a module of a disabled device cannot connect', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    await registry.update({ ...device, status: 'disabled' });
    await assert.rejects(connect(t, module), { message: /Not authorized|Unauthorized/ });
});

test("a module cannot connect with its device's key", async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const key = device.authentication.symmetricKey.primaryKey;
    await assert.rejects(connect(t, module, { key }), { message: /Not authorized|Unauthorized/ });
});
