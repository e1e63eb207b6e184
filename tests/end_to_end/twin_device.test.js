// Twins as devices read and report them (specification: device-protocols 2, checklist N11, N15).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, connectRaw, getTwin, newDevice, patchTwin, report, transports, twinOf, values,
} from './lib/fixture.js';
import { packets, topics, types } from './lib/raw_mqtt.js';

const reportedOf = async ({ deviceId }) => (await getTwin(deviceId)).properties.reported;

for (const [name, transport] of transports) {
    test(`a device reads its twin without tags and metadata over ${name}`, async (t) => {
        const device = await newDevice(t);
        await patchTwin(device.deviceId, { tags: { secret: 1 }, properties: { desired: { a: { b: 1 } } } });
        const twin = await twinOf(await connect(t, device, { transport }));
        assert.deepEqual(twin.properties.desired, { a: { b: 1 }, $version: 2 });
        assert.equal(twin.properties.reported.$version, 1);
        assert.ok(!('$metadata' in twin.properties.reported));
    });

    test(`what a device reports, the service sees, over ${name}`, async (t) => {
        const device = await newDevice(t);
        const twin = await twinOf(await connect(t, device, { transport }));
        await report(twin, { battery: 55, fan: { speed: 3, on: true } });
        const reported = await reportedOf(device);
        assert.deepEqual(values(reported), { battery: 55, fan: { speed: 3, on: true } });
        assert.equal(reported.$version, 2);
        assert.ok('$lastUpdated' in reported.$metadata.fan.speed);
        assert.ok(!('$lastUpdatedVersion' in reported.$metadata));
    });
}

test('reports merge, and null removes at every depth', async (t) => {
    const device = await newDevice(t);
    const twin = await twinOf(await connect(t, device));
    await report(twin, { a: 1, b: { c: 2, d: { e: 3, f: 4 } }, g: 5 });
    await report(twin, { a: null, b: { c: null, d: { e: null } }, h: 6 });
    assert.deepEqual(values(await reportedOf(device)), { b: { d: { f: 4 } }, g: 5, h: 6 });
    await report(twin, { b: null, g: null, h: null });
    const reported = await reportedOf(device);
    assert.deepEqual(values(reported), {});
    assert.equal(reported.$version, 4);
});

test('reported arrays replace each other whole and may nest', async (t) => {
    const device = await newDevice(t);
    const twin = await twinOf(await connect(t, device));
    await report(twin, { list: [1, [2, 3], { four: [5] }], empty: [] });
    assert.deepEqual(values(await reportedOf(device)), { list: [1, [2, 3], { four: [5] }], empty: [] });
    await report(twin, { list: ['x'] });
    assert.deepEqual(values(await reportedOf(device)), { list: ['x'], empty: [] });
});

test('reported values keep their type', async (t) => {
    const device = await newDevice(t);
    const twin = await twinOf(await connect(t, device));
    const patch = { text: 'ü☃𝄞"\\\n', truth: false, whole: 7, real: -2.5e-3, object: { deep: {} } };
    await report(twin, patch);
    assert.deepEqual(values(await reportedOf(device)), patch);
});

test('ten nested objects can be reported, eleven cannot', async (t) => {
    const device = await newDevice(t);
    const twin = await twinOf(await connect(t, device));
    const nested = (depth) => (depth === 0 ? 1 : { k: nested(depth - 1) });
    await report(twin, nested(11));
    await assert.rejects(report(twin, nested(12)));
    assert.deepEqual(values(await reportedOf(device)), nested(11));
});

test('reports leave the etag alone and raise the version of the twin', async (t) => {
    const device = await newDevice(t);
    const before = await getTwin(device.deviceId);
    await report(await twinOf(await connect(t, device)), { a: 1 });
    const after = await getTwin(device.deviceId);
    assert.equal(after.etag, before.etag);
    assert.equal(after.version, before.version + 1);
    assert.equal(after.properties.desired.$version, before.properties.desired.$version);
});

const refused = {
    'a name with a dot': { 'a.b': 1 },
    'a name with a space': { 'a b': 1 },
    'a name with a number sign': { 'a#b': 1 },
    'a name with a dollar sign': { a$b: 1 },
    'the version it was given': { $version: 4 },
    'a name with a control character': { 'a\u0007': 1 },
    'a name of 1025 bytes': { ['n'.repeat(1025)]: 1 },
    'a text of 4097 bytes': { a: 'v'.repeat(4097) },
    'an integer too large': { a: 4503599627370496 },
    'null in an array': { a: [null] },
    'more than 32768 characters': Object.fromEntries(
        Array.from({ length: 9 }, (_, i) => [`n${i}`, 'v'.repeat(4000)])),
};
for (const [what, patch] of Object.entries(refused)) {
    test(`a report with ${what} fails in the SDK and nothing of it is stored`, async (t) => {
        const device = await newDevice(t);
        const twin = await twinOf(await connect(t, device));
        await report(twin, { kept: true });
        await assert.rejects(report(twin, { valid: 1, ...patch }), (error) => error.message.length > 0);
        const reported = await reportedOf(device);
        assert.deepEqual(values(reported), { kept: true });
        assert.equal(reported.$version, 2);
        await report(twin, { after: true });
        assert.equal((await reportedOf(device)).$version, 3);
    });
}

test('a reported section may fill 32768 characters exactly', async (t) => {
    const device = await newDevice(t);
    const twin = await twinOf(await connect(t, device));
    const full = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`n${i}`, 'v'.repeat(4094)]));
    await report(twin, full);
    await assert.rejects(report(twin, { more: true }));
    await report(twin, { n0: null, more: true });
    assert.equal((await reportedOf(device)).more, true);
});

test('an error carries status, code, tracking id, message and time', async (t) => {
    const client = await connectRaw(t, await newDevice(t));
    await client.subscribe(topics.results);
    for (const payload of ['{', '[1]', '"text"', '{"a.b":1}', '{"a":1,"a":2}', Buffer.from([0xff])]) {
        const { status, json, version } = await client.report(payload);
        assert.equal(status, 400, String(payload));
        assert.ok(Number.isInteger(json.errorCode) && Math.floor(json.errorCode / 1000) === 400);
        assert.match(json.trackingId, /^[0-9a-fA-F]{32}/);
        assert.ok(json.message.length > 0 && json.timestampUtc.length > 0);
        assert.equal(version, undefined);
    }
});

test('a report can name the version it builds on', async (t) => {
    const client = await connectRaw(t, await newDevice(t));
    await client.subscribe(topics.results);
    assert.deepEqual(await pick(client.report({ a: 1 }, 1)), { status: 204, version: 2 });
    const stale = await client.report({ a: 2 }, 1);
    assert.equal(stale.status, 412);
    assert.equal(stale.json.errorCode, 412001);
    assert.deepEqual((await client.getTwin()).json.reported, { a: 1, $version: 2 });
});

const pick = async (answer) => {
    const { status, version } = await answer;
    return { status, version };
};

test('answers have exactly the topic that every client can parse', async (t) => {
    const client = await connectRaw(t, await newDevice(t));
    await client.subscribe(topics.results);
    const got = await client.getTwin();
    assert.equal(got.topic, '$iothub/twin/res/200/?$rid=r1');
    assert.equal(got.payload.toString(), '{"desired":{"$version":1},"reported":{"$version":1}}');
    const reported = await client.report({});
    assert.equal(reported.topic, '$iothub/twin/res/204/?$rid=r2&$version=2');
    assert.equal(reported.payload.length, 0);
});

test('a request id comes back byte for byte', async (t) => {
    const client = await connectRaw(t, await newDevice(t));
    await client.subscribe(topics.results);
    for (const rid of ['0', 'ABC-def_9', 'a%2Fb', 'x'.repeat(256)]) {
        client.send(packets.publish(topics.get(rid), ' '));
        const { topic } = await client.published.take();
        assert.equal(topic, `$iothub/twin/res/200/?$rid=${rid}`);
    }
});

test('a twin request with QoS 1 gets its PUBACK and its answer', async (t) => {
    const client = await connectRaw(t, await newDevice(t));
    await client.subscribe(topics.results, { qos: 1 });
    client.send(packets.publish(topics.get('q'), '', { qos: 1, id: 77 }));
    const puback = await client.received.take((p) => p.type === types.puback, 'PUBACK');
    assert.equal(puback.body.readUInt16BE(0), 77);
    const { topic, qos } = await client.published.take();
    assert.equal(topic, '$iothub/twin/res/200/?$rid=q');
    assert.equal(qos, 0);
});

test('answers come in the order of the requests', async (t) => {
    const client = await connectRaw(t, await newDevice(t));
    await client.subscribe(topics.results);
    const count = 100;
    client.send(...Array.from({ length: count }, (_, i) => (i % 3 === 2
        ? packets.publish(topics.get(i), ' ')
        : packets.publish(topics.report(i), JSON.stringify({ n: i })))));
    const answers = await client.published.takeMany(count);
    assert.deepEqual(answers.map((a) => Number(/\$rid=(\d+)/.exec(a.topic)[1])),
                     Array.from({ length: count }, (_, i) => i));
    const versions = answers.map((a) => /\$version=(\d+)$/.exec(a.topic)?.[1]).filter(Boolean).map(Number);
    assert.deepEqual(versions, versions.map((_, i) => i + 2));
    for (const { topic, payload } of answers.filter((a) => a.topic.includes('/200/'))) {
        const rid = Number(/\$rid=(\d+)/.exec(topic)[1]);
        assert.equal(JSON.parse(payload).reported.n, rid - 1, 'a read sees the write before it');
    }
});

test('without a subscription a report is done and its answer dropped', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    client.send(packets.publish(topics.report('1'), '{"a":1}', { qos: 1, id: 5 }));
    await client.received.take((p) => p.type === types.puback, 'PUBACK');
    await client.subscribe(topics.results);
    assert.deepEqual((await client.getTwin()).json.reported, { a: 1, $version: 2 });
    assert.equal(client.published.size, 0);
});
