// Desired properties on their way to the device (specification: device-protocols 2.4 and 2.5,
// twin-document 11, checklist N12, N15, N16).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, connectRaw, Mqtt, MqttWs, newDevice, patchDesired, patchTwin, registry, report, rest,
    transports, twinOf, values, watchDesired,
} from './lib/fixture.js';
import { packets, topics } from './lib/raw_mqtt.js';
import { nextEvent } from './lib/wait.js';

async function watching(t, transport = Mqtt) {
    const device = await newDevice(t);
    const client = await connect(t, device, { transport });
    const twin = await twinOf(client);
    return { device, client, twin, patches: await watchDesired(twin) };
}

for (const [name, transport] of transports) {
    test(`a desired property reaches a connected device over ${name}`, async (t) => {
        const { device, twin, patches } = await watching(t, transport);
        const { properties } = await patchDesired(device.deviceId, { interval: 5 });
        assert.equal(properties.desired.$version, 2);
        assert.deepEqual(await patches.take(), { interval: 5, $version: 2 });
        assert.equal(twin.properties.desired.interval, 5);
        await report(twin, { interval: 5 });
        const seen = (await registry.getTwin(device.deviceId)).responseBody;
        assert.deepEqual(values(seen.properties.reported), { interval: 5 });
    });

    test(`a desired property set while the device was away is seen on its return over ${name}`,
         async (t) => {
             const device = await newDevice(t);
             const first = await connect(t, device, { transport });
             await watchDesired(await twinOf(first));
             await first.close();
             await patchDesired(device.deviceId, { mode: 'night', deep: { er: [1] } });
             const second = await connect(t, device, { transport });
             const twin = await twinOf(second);
             assert.deepEqual(twin.properties.desired,
                              { mode: 'night', deep: { er: [1] }, $version: 2 });
         });
}

test('nothing is queued for a device that is away', async (t) => {
    const device = await newDevice(t);
    const first = await connectRaw(t, device);
    await first.subscribe([topics.desired, topics.results], { qos: 1 });
    await first.disconnect();
    await patchDesired(device.deviceId, { missed: 1 });
    const second = await connectRaw(t, device);
    assert.equal(second.sessionPresent, true);
    await patchDesired(device.deviceId, { seen: 1 });
    const { topic, payload, qos } = await second.published.take();
    assert.equal(topic, '$iothub/twin/PATCH/properties/desired/?$version=3');
    assert.deepEqual(JSON.parse(payload), { seen: 1, $version: 3 });
    assert.equal(qos, 0);
});

test('a device that did not subscribe gets no desired patch', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    await client.subscribe(topics.results);
    await patchDesired(device.deviceId, { a: 1 });
    assert.deepEqual((await client.getTwin()).json.desired, { a: 1, $version: 2 });
    assert.equal(client.published.size, 0);
});

test('many desired changes arrive in order and without a gap', async (t) => {
    const { device, patches } = await watching(t);
    const count = 150;
    const writes = Array.from({ length: count }, (_, n) => patchDesired(device.deviceId, { n }));
    const answers = await Promise.all(writes);
    const acknowledged = answers.map((twin) => twin.properties.desired.$version);
    assert.deepEqual([...acknowledged].sort((a, b) => a - b),
                     Array.from({ length: count }, (_, i) => i + 2));
    const received = await patches.takeMany(count);
    assert.deepEqual(received.map((patch) => patch.$version),
                     Array.from({ length: count }, (_, i) => i + 2));
    for (const { n, $version } of received) assert.equal($version, acknowledged[n]);
});

test('tag changes and refused changes are not sent', async (t) => {
    const { device, patches } = await watching(t);
    await patchTwin(device.deviceId, { tags: { a: 1 } });
    await assert.rejects(patchDesired(device.deviceId, { 'a.b': 1 }));
    await assert.rejects(patchDesired(device.deviceId, { a: 1 }, 'c3RhbGU='));
    await patchDesired(device.deviceId, { b: 2 });
    assert.deepEqual(await patches.take(), { b: 2, $version: 2 });
});

test('a patch is sent as it was made: nulls and unchanged values included', async (t) => {
    const { device, patches, twin } = await watching(t);
    await patchDesired(device.deviceId, { a: 1, o: { x: 1, y: 2 }, list: [1] });
    await patches.take();
    await patchDesired(device.deviceId, { a: 1, o: { x: null }, list: [], absent: null });
    assert.deepEqual(await patches.take(),
                     { a: 1, o: { x: null }, list: [], absent: null, $version: 3 });
    assert.deepEqual(twin.properties.desired.o, { y: 2 });
});

test('nulling out all desired properties sends a null for each', async (t) => {
    const { device, patches } = await watching(t);
    await patchDesired(device.deviceId, { a: 1, b: { c: 2 } });
    await patches.take();
    const { properties } = await patchTwin(device.deviceId, { properties: { desired: null } });
    assert.deepEqual(values(properties.desired), {});
    assert.deepEqual(await patches.take(), { a: null, b: null, $version: 3 });
});

test('a replacement sends the new section and a null for what it removed', async (t) => {
    const { device, patches } = await watching(t);
    await patchDesired(device.deviceId, { a: 1, b: 2, o: { x: 1, y: 2 } });
    await patches.take();
    await rest.put(`/twins/${device.deviceId}`,
                   { properties: { desired: { a: 1, c: 100, o: { x: 5 } } } });
    assert.deepEqual(await patches.take(),
                     { a: 1, b: null, c: 100, o: { x: 5, y: null }, $version: 3 });
});

test('the event of one property fires with its value', async (t) => {
    const { device, twin } = await watching(t);
    const fired = nextEvent(twin, 'properties.desired.climate.target');
    await patchDesired(device.deviceId, { climate: { target: 21.5 } });
    assert.deepEqual(await fired, [21.5]);
});

test('two devices each get their own desired properties', async (t) => {
    const [one, two] = [await watching(t), await watching(t, MqttWs)];
    await patchDesired(one.device.deviceId, { to: 'one' });
    await patchDesired(two.device.deviceId, { to: 'two' });
    assert.equal((await one.patches.take()).to, 'one');
    assert.equal((await two.patches.take()).to, 'two');
});

test('after unsubscribing no more patches come', async (t) => {
    const { device, client, patches } = await watching(t);
    const raw = client._transport;
    await new Promise((done, fail) => raw.disableTwinDesiredPropertiesUpdates(
        (error) => (error ? fail(error) : done())));
    await patchDesired(device.deviceId, { a: 1 });
    await twinOf(client);
    assert.equal(patches.size, 0);
});

test('a change is in the first read or in a notification, never lost between', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    const count = 40;
    const writing = (async () => {
        for (let n = 0; n < count; n++) await patchDesired(device.deviceId, { n });
    })();
    await client.subscribe([topics.desired, topics.results]);
    const notified = [];
    // Read by hand: getTwin() would drop the notifications that come before its answer.
    client.send(packets.publish(topics.get('x'), ' '));
    let read;
    while (!read || (notified.at(-1) ?? read.desired.$version) < count + 1) {
        const { topic, payload } = await client.published.take();
        if (topic.startsWith('$iothub/twin/res/')) read = JSON.parse(payload);
        else notified.push(JSON.parse(payload).$version);
    }
    await writing;
    const later = notified.filter((version) => version > read.desired.$version);
    assert.deepEqual(later, later.map((_, i) => read.desired.$version + 1 + i));
    assert.equal(later.at(-1) ?? read.desired.$version, count + 1);
});
