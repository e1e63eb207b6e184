// Edge gateways: the runtime's modules, and children that connect through a parent (specification:
// device-protocols 1.2 auth-chain, service-api 4.4).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, getTwin, hub, keyOf, newDevice, openRaw, patchDesired, registry, twinOf, values,
    watchDesired,
} from './lib/fixture.js';
import { packets, RawMqtt, topics } from './lib/raw_mqtt.js';
import { randomKey, sasToken } from './lib/sas.js';

const newEdge = (t, description = {}) =>
    newDevice(t, { capabilities: { iotEdge: true }, ...description });

// The edge runtime gives its modules keys of their own when it starts.
async function startRuntime(edge, moduleId) {
    const module = (await registry.getModule(edge.deviceId, moduleId)).responseBody;
    module.authentication = {
        type: 'sas', symmetricKey: { primaryKey: randomKey(), secondaryKey: randomKey() } };
    return (await registry.updateModule(module, true)).responseBody;
}

// CONNECT for `deviceId` as the gateway sends it, with the token of its $edgeHub.
function onBehalf(deviceId, gateway, chain) {
    const resource = `${hub.host}/devices/${gateway.deviceId}/modules/${gateway.moduleId}`;
    return {
        clientId: deviceId,
        user: `${hub.host}/${deviceId}/?api-version=2021-04-12`
            + `&auth-chain=${encodeURIComponent(chain.join(';'))}`,
        password: sasToken({ resource, key: keyOf(gateway) }),
    };
}

async function codeOf(t, connectOptions) {
    const client = await openRaw(t);
    client.send(packets.connect(connectOptions));
    return client.connack();
}

test('$edgeAgent keeps its twin in sync like any module', async (t) => {
    const edge = await newEdge(t);
    const agent = await startRuntime(edge, '$edgeAgent');
    const twin = await twinOf(await connect(t, agent));
    const patches = await watchDesired(twin);
    const stored = (await registry.updateModuleTwin(
        edge.deviceId, '$edgeAgent', { properties: { desired: { modules: { a: 1 } } } }, '*'))
        .responseBody;
    const patch = await patches.take(() => true, 'the desired patch');
    assert.deepEqual(values(patch), { modules: { a: 1 } });
    assert.equal(stored.properties.desired.$version, patch.$version);
});

test('a gateway connects for a device two levels below it, and its twin works', async (t) => {
    const top = await newEdge(t);
    const mid = await newEdge(t, { parentScopes: [top.deviceScope] });
    const leaf = await newDevice(t, { deviceScope: mid.deviceScope });
    const gateway = await startRuntime(top, '$edgeHub');
    const chain = [leaf.deviceId, mid.deviceId, top.deviceId];
    const client = await RawMqtt.connect(hub, onBehalf(leaf.deviceId, gateway, chain));
    t.after(() => client.destroy());
    await client.subscribe([topics.results, topics.desired]);
    assert.equal((await client.report({ through: 'top' })).status, 204);
    await patchDesired(leaf.deviceId, { speed: 7 });
    const patch = await client.published.take(
        ({ topic }) => topic.startsWith('$iothub/twin/PATCH/'), 'the desired patch');
    assert.equal(JSON.parse(patch.payload).speed, 7);
    const twin = await getTwin(leaf.deviceId);
    assert.equal(twin.properties.reported.through, 'top');
    assert.equal(twin.connectionState, 'Connected');
});

test('a gateway connects for nobody who is not below it', async (t) => {
    const top = await newEdge(t);
    const other = await newEdge(t);
    const mid = await newEdge(t, { parentScopes: [top.deviceScope] });
    const leaf = await newDevice(t, { deviceScope: mid.deviceScope });
    const stranger = await newDevice(t);
    const gateway = await startRuntime(top, '$edgeHub');
    const below = [leaf.deviceId, mid.deviceId, top.deviceId];
    assert.equal(await codeOf(t, onBehalf(leaf.deviceId, gateway, below)), 0);
    for (const [who, chain] of [
        [stranger, [stranger.deviceId, top.deviceId]],
        [leaf, [leaf.deviceId, top.deviceId]],
        [leaf, [leaf.deviceId, mid.deviceId, other.deviceId]],
        [leaf, [leaf.deviceId]],
        [leaf, [stranger.deviceId, top.deviceId]],
    ])
        assert.equal(await codeOf(t, onBehalf(who.deviceId, gateway, chain)), 5, chain.join(';'));
    await registry.update({ ...mid, status: 'disabled' });
    assert.equal(await codeOf(t, onBehalf(leaf.deviceId, gateway, below)), 5);
});
