// Edge gateways: the runtime's modules, and children that connect through a parent (specification:
// device-protocols 1.2 auth-chain, service-api 4.4).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, getTwin, hub, keyOf, newDevice, openRaw, patchDesired, registry, twinOf, values,
    watchDesired,
} from './lib/fixture.js';
import { ask, Peer, resourceOf, tokenOf } from './lib/amqp_peer.js';
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

// An AMQP connection of a gateway, that has put the token of its $edgeHub. The edge runtime puts it
// under the name of each child.
async function gatewayOverAmqp(t, gateway, name = resourceOf(gateway)) {
    const peer = await Peer.open(t);
    assert.equal(await peer.putToken(name, tokenOf(gateway)), 200);
    return peer;
}

const chained = (...chain) => ({ 'com.microsoft:auth-chain': chain.join(';') });
const unauthorized = { condition: 'amqp:unauthorized-access' };

test('a gateway carries what is below it over one AMQP connection', async (t) => {
    const top = await newEdge(t);
    const mid = await newEdge(t, { parentScopes: [top.deviceScope] });
    const leaves = [await newDevice(t, { deviceScope: mid.deviceScope }),
                    await newDevice(t, { deviceScope: mid.deviceScope })];
    const gateway = await startRuntime(top, '$edgeHub');
    const peer = await gatewayOverAmqp(t, gateway, resourceOf(leaves[0]));
    for (const [n, leaf] of leaves.entries()) {
        assert.equal(await peer.putToken(resourceOf(leaf), tokenOf(gateway)), 200);
        const twin = await peer.twin(leaf.deviceId, peer.session(),
                                     chained(leaf.deviceId, mid.deviceId, top.deviceId));
        const subscribed = await ask(twin, 'PUT', {
            resource: '/notifications/twin/properties/desired' });
        assert.equal(subscribed.status, 200);
        await patchDesired(leaf.deviceId, { n });
        assert.equal(JSON.parse((await twin.down.inbox.take()).body.content).n, n);
        const reported = await ask(twin, 'PATCH', {
            resource: '/properties/reported', body: JSON.stringify({ through: 'top' }) });
        assert.equal(reported.status, 204);
        const stored = await getTwin(leaf.deviceId);
        assert.equal(stored.properties.reported.through, 'top');
        assert.equal(stored.connectionState, 'Connected');
    }
    // What is above a leaf has links of its own, and its gateway speaks for its modules.
    const own = await ask(await peer.twin(mid.deviceId, peer.session(),
                                          chained(mid.deviceId, top.deviceId)), 'GET');
    assert.equal(own.status, 200);
});

test('a gateway attaches no AMQP link for who is not below it', async (t) => {
    const top = await newEdge(t);
    const other = await newEdge(t);
    const mid = await newEdge(t, { parentScopes: [top.deviceScope] });
    const leaf = await newDevice(t, { deviceScope: mid.deviceScope });
    const stranger = await newDevice(t);
    const peer = await gatewayOverAmqp(t, await startRuntime(top, '$edgeHub'));
    const beside = await gatewayOverAmqp(t, await startRuntime(other, '$edgeHub'));
    const [a, b, c] = [leaf.deviceId, mid.deviceId, top.deviceId];
    for (const [from, who, chain] of [
        [peer, stranger, [stranger.deviceId, c]],
        [peer, leaf, [a, c]],
        [peer, leaf, [a]],
        [peer, leaf, []],
        [peer, leaf, [stranger.deviceId, c]],
        [peer, leaf, [a, '', c]],
        [peer, leaf, [a, ...Array.from({ length: 9 }, (_, n) => `step${n}`), b, c]],
        [beside, leaf, [a, b, c]],
        [beside, leaf, [a, b, other.deviceId]],
    ])
        await assert.rejects(from.twin(who.deviceId, from.session(), chained(...chain)),
                             unauthorized, chain.join(';'));
    const twin = await peer.twin(a, peer.session(), chained(a, b, c));
    assert.equal((await ask(twin, 'GET')).status, 200);
    // A parent that is disabled carries nobody any more; nor does the gateway when its key is changed.
    const second = await newDevice(t, { deviceScope: mid.deviceScope });
    await registry.update({ ...(await registry.get(b)).responseBody, status: 'disabled' });
    await assert.rejects(peer.twin(second.deviceId, peer.session(),
                                   chained(second.deviceId, b, c)), unauthorized);
    await registry.update({ ...(await registry.get(b)).responseBody, status: 'enabled' });
    await startRuntime(top, '$edgeHub');
    await assert.rejects(peer.twin(second.deviceId, peer.session(),
                                   chained(second.deviceId, b, c)), unauthorized);
});

test('who is no gateway puts no token under a foreign name', async (t) => {
    const [one, another] = [await newDevice(t), await newDevice(t)];
    const peer = await Peer.open(t);
    assert.equal(await peer.putToken(resourceOf(another), tokenOf(one)), 401);
});
