// Automatic device configurations with Microsoft's Registry and real devices (specification:
// service-api 9, docs/configurations.md).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, getTwin, newDevice, newId, newModule, patchTwin, registry, report, rest,
    transports, twinOf, values, watchDesired,
} from './lib/fixture.js';
import { twinhub, twinhubFails } from './lib/operator.js';
import { until } from './lib/wait.js';

// A configuration that ends with the test.
async function newConfiguration(t, description) {
    const id = description.id ?? newId('conf').toLowerCase().replaceAll('-', '_');
    t.after(() => registry.removeConfiguration(id).catch(() => {}));
    await registry.addConfiguration({ schemaVersion: '1.0', labels: {}, ...description, id });
    return id;
}
const getConfiguration = async (id) => (await registry.getConfiguration(id)).responseBody;
const sets = (desired) => ({ deviceContent: Object.fromEntries(
    Object.entries(desired).map(([key, value]) => [`properties.desired.${key}`, value])) });
const desiredOf = async ({ deviceId }) => values((await getTwin(deviceId)).properties.desired);
const statusOf = async ({ deviceId }, id) => (await getTwin(deviceId)).configurations?.[id]?.status;

test('the registry adds, gets, lists, updates and removes one', async (t) => {
    const content = sets({ 'chiller-water': { temperature: 66, pressure: 28 } });
    const id = await newConfiguration(t, {
        content, targetCondition: "tags.environment='test'", priority: 10,
        metrics: { queries: { waterSettingsPending:
            "SELECT deviceId FROM devices WHERE properties.reported.chillerWaterSettings.status='pending'" } },
    });
    const got = await getConfiguration(id);
    assert.deepEqual(got.content, content);
    assert.equal(got.schemaVersion, '1.0');
    assert.deepEqual(got.labels, {});
    const all = (await registry.getConfigurations()).responseBody;
    assert.ok(all.some((each) => each.id === id));

    got.priority = 99;
    await registry.updateConfiguration(got);
    const changed = await getConfiguration(id);
    assert.equal(changed.priority, 99);
    assert.notEqual(changed.etag, got.etag);
    await assert.rejects(registry.updateConfiguration(got)); // its etag is an old one
    got.priority = 7;
    await registry.updateConfiguration(got, true);
    assert.equal((await getConfiguration(id)).priority, 7);
    await assert.rejects(registry.addConfiguration({ ...got, etag: undefined }));

    await registry.removeConfiguration(id);
    await assert.rejects(registry.getConfiguration(id), { name: /.*/ });
});

test('queries are tested without being kept', async () => {
    const tested = async (body) => (await rest.post('/configurations/testQueries', body)).json;
    const good = await tested(
        { targetCondition: "tags.a='b'", customMetricQueries: { m: 'select deviceId from devices' } });
    assert.equal(good.targetConditionError, null);
    assert.deepEqual(good.customMetricQueryErrors, {});
    const bad = await tested({ targetCondition: 'tags.a =', customMetricQueries: { m: 'select' } });
    assert.match(bad.targetConditionError, /line 1/);
    assert.ok(bad.customMetricQueryErrors.m);
});

for (const [name, transport] of transports) {
    test(`a change of a tag moves the settings of a device over ${name}`, async (t) => {
        const site = newId('site');
        const device = await newDevice(t);
        const id = await newConfiguration(t, {
            content: sets({ interval: 60, camera: { mode: 'day' } }),
            targetCondition: `tags.site = '${site}'`,
        });
        const client = await connect(t, device, { transport });
        const inbox = await watchDesired(await twinOf(client));
        await patchTwin(device.deviceId, { tags: { site }, properties: { desired: { own: 1 } } });
        assert.equal((await inbox.take()).own, 1);
        const began = performance.now();
        const patch = await inbox.take();
        t.diagnostic(`${Math.round(performance.now() - began)} ms after the tag`);
        assert.deepEqual(values(patch), { interval: 60, camera: { mode: 'day' } });
        assert.equal(await statusOf(device, id), 'Applied');
        assert.deepEqual(await desiredOf(device),
                         { own: 1, interval: 60, camera: { mode: 'day' } });

        await patchTwin(device.deviceId, { tags: { site: 'elsewhere' } });
        assert.deepEqual(values(await inbox.take()), { interval: null, camera: null });
        assert.equal(await statusOf(device, id), undefined);
        assert.deepEqual(await desiredOf(device), { own: 1 });
    });
}

test('a device that was away finds its settings when it comes back', async (t) => {
    const device = await newDevice(t);
    const id = await newConfiguration(t, {
        content: sets({ interval: 5 }), targetCondition: `deviceId = '${device.deviceId}'` });
    await until(async () => (await statusOf(device, id)) === 'Applied', 'the settings');
    const twin = await twinOf(await connect(t, device));
    assert.equal(twin.properties.desired.interval, 5);
});

test('the higher priority wins, and the next one takes over', async (t) => {
    const device = await newDevice(t);
    const targetCondition = `deviceId = '${device.deviceId}'`;
    const low = await newConfiguration(t, { content: sets({ a: 1, b: 1 }), targetCondition, priority: 1 });
    const high = await newConfiguration(t, { content: sets({ a: 2 }), targetCondition, priority: 2 });
    await until(async () => (await desiredOf(device)).a === 2, 'the higher one');
    assert.deepEqual(await desiredOf(device), { a: 2, b: 1 });
    assert.equal(await statusOf(device, low), 'Applied');
    const effect = (await rest.get(`/configurations/${low}/effect`)).json;
    assert.equal(effect.targeted, 1);
    assert.deepEqual(effect.overlaps, [{ path: 'properties.desired.a', with: high, wins: high, devices: 1 }]);
    await registry.removeConfiguration(high);
    await until(async () => (await desiredOf(device)).a === 1, 'the lower one');
});

test('metrics count, and say what they count', async (t) => {
    const device = await newDevice(t);
    await report(await twinOf(await connect(t, device)), { fw: '1' });
    const id = await newConfiguration(t, {
        content: sets({ update: '2' }),
        targetCondition: `deviceId = '${device.deviceId}' AND properties.reported.fw = '1'`,
        metrics: { queries: { old: `select deviceId from devices where deviceId = '${device.deviceId}'` } },
    });
    const results = async () => (await getConfiguration(id)).systemMetrics.results;
    await until(async () => (await results()).appliedCount === 1, 'the count');
    assert.deepEqual(await results(), { targetedCount: 1, appliedCount: 1 });
    assert.deepEqual((await getConfiguration(id)).metrics.results, { old: 1 });
    const shown = JSON.parse(twinhub('configuration', 'show-metric', '-c', id, '-m', 'appliedCount',
                                     '--mt', 'system', '--output', 'json'));
    assert.deepEqual(shown.result, [{ deviceId: device.deviceId }]);
});

test('configurations of modules set modules', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    await newConfiguration(t, {
        content: { moduleContent: { 'properties.desired.rate': 3 } },
        targetCondition: `from devices.modules where moduleId = '${module.moduleId}'`,
    });
    const twin = await twinOf(await connect(t, module));
    await until(() => twin.properties.desired.rate === 3
        || twin.get().then(() => twin.properties.desired.rate === 3), 'the setting');
});

test('a content is applied to an edge device at once', async (t) => {
    const edge = await newDevice(t, { capabilities: { iotEdge: true } });
    const modulesContent = {
        $edgeAgent: { 'properties.desired': { modules: { sensor: { status: 'running' } } } },
        $edgeHub: { 'properties.desired': { routes: {} } },
        sensor: { 'properties.desired': { rate: 5 } },
    };
    await registry.applyConfigurationContentOnDevice(edge.deviceId, { modulesContent });
    const modules = (await registry.getModulesOnDevice(edge.deviceId)).responseBody;
    assert.deepEqual(modules.map((each) => each.moduleId).sort(), ['$edgeAgent', '$edgeHub', 'sensor']);
    const twin = (await registry.getModuleTwin(edge.deviceId, 'sensor')).responseBody;
    assert.deepEqual(values(twin.properties.desired), { rate: 5 });
    const plain = await newDevice(t);
    await assert.rejects(registry.applyConfigurationContentOnDevice(plain.deviceId, { modulesContent }));
});

test('a deployment reaches edge devices and what it names there', async (t) => {
    const site = newId('site');
    const edge = await newDevice(t, { capabilities: { iotEdge: true } });
    const id = await newConfiguration(t, {
        content: { modulesContent: {
            $edgeAgent: { 'properties.desired': { modules: { filter: { status: 'running' } } } },
            filter: { 'properties.desired': { level: 2 } } } },
        targetCondition: `tags.site = '${site}'`,
    });
    await patchTwin(edge.deviceId, { tags: { site } });
    const agent = async () =>
        (await registry.getModuleTwin(edge.deviceId, '$edgeAgent')).responseBody;
    await until(async () => (await agent()).configurations?.[id]?.status === 'Applied', 'the deployment');
    assert.deepEqual(values((await agent()).properties.desired), { modules: { filter: { status: 'running' } } });
    const filter = (await registry.getModuleTwin(edge.deviceId, 'filter')).responseBody;
    assert.deepEqual(values(filter.properties.desired), { level: 2 });
});

test('the command line makes one as az does, and asks before it means every device', async (t) => {
    const device = await newDevice(t);
    const id = newId('cli').toLowerCase();
    t.after(() => registry.removeConfiguration(id).catch(() => {}));
    const content = JSON.stringify({ deviceContent: { 'properties.desired.x': 1 } });
    assert.match(twinhubFails('configuration', 'create', '-c', id, '-k', content, '-t', '*'),
                 /every device/);
    twinhub('configuration', 'create', '-c', id.toUpperCase(), '-k', content, '--tc',
            `deviceId = '${device.deviceId}'`, '--pri', '3', '--cl', 'team=a', '--cmq',
            'all=select deviceId from devices');
    const made = JSON.parse(twinhub('configuration', 'show', '-c', id, '--output', 'json'));
    assert.equal(made.priority, 3);
    assert.deepEqual(made.labels, { team: 'a' });
    assert.equal(made.schemaVersion, '2.0');
    await until(async () => (await desiredOf(device)).x === 1, 'the setting');
    twinhub('configuration', 'update', '-c', id, '--set', 'priority=8');
    const listed = JSON.parse(twinhub('configuration', 'list', '--output', 'json'));
    assert.equal(listed.find((each) => each.id === id).priority, 8);
    assert.match(twinhub('configuration', 'list', '--output', 'table'), /TargetCondition/);
    const tested = JSON.parse(twinhub('configuration', 'test', '-t', 'tags.a =', '--output', 'json'));
    assert.match(tested.targetConditionError, /line 1/);
    twinhub('configuration', 'delete', '-c', id);
    await assert.rejects(registry.getConfiguration(id));
});
