// Twins as the back end reads and writes them (specification: twin-document 2 to 6, service-api 5,
// checklist N12 to N15).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    getTwin, newDevice, newId, patchDesired, patchTwin, registry, rest, values,
} from './lib/fixture.js';

const etagOf = (count) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(count));
    return bytes.toString('base64');
};
const pathOf = (device) => `/twins/${device.deviceId}`;

test('a new twin is empty, with all its counters at the start', async (t) => {
    const device = await newDevice(t);
    const { json: twin } = await rest.get(pathOf(device));
    assert.equal(twin.deviceId, device.deviceId);
    assert.equal(twin.etag, etagOf(1));
    assert.equal(twin.deviceEtag, device.etag);
    assert.equal(twin.version, 2);
    assert.equal(twin.status, 'enabled');
    assert.equal(twin.statusUpdateTime, '0001-01-01T00:00:00Z');
    assert.equal(twin.connectionState, 'Disconnected');
    assert.equal(twin.lastActivityTime, '0001-01-01T00:00:00Z');
    assert.equal(twin.cloudToDeviceMessageCount, 0);
    assert.equal(twin.authenticationType, 'sas');
    assert.deepEqual(twin.x509Thumbprint, { primaryThumbprint: null, secondaryThumbprint: null });
    assert.deepEqual(twin.capabilities, { iotEdge: false });
    assert.equal(twin.tags ?? null, null);
    for (const section of [twin.properties.desired, twin.properties.reported]) {
        assert.deepEqual(values(section), {});
        assert.equal(section.$version, 1);
        assert.match(section.$metadata.$lastUpdated, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z$/);
        assert.ok(!('$lastUpdatedVersion' in section.$metadata));
    }
    for (const absent of ['generationId', 'connectionStateUpdatedTime', 'moduleId'])
        assert.ok(!(absent in twin), absent);
});

test('a twin that does not exist is not found', async () => {
    await assert.rejects(registry.getTwin(newId('nobody')), { name: 'DeviceNotFoundError' });
    await assert.rejects(registry.updateTwin(newId('nobody'), { tags: { a: 1 } }, '*'),
                         { name: 'DeviceNotFoundError' });
});

test('tags are set, merged and removed, and leave the desired version alone', async (t) => {
    const { deviceId } = await newDevice(t);
    await patchTwin(deviceId, { tags: { site: 'a', floor: { no: 1, wing: 'w' } } });
    await patchTwin(deviceId, { tags: { floor: { no: 2 }, owner: 'x' } });
    let twin = await getTwin(deviceId);
    assert.deepEqual(twin.tags, { site: 'a', floor: { no: 2, wing: 'w' }, owner: 'x' });
    assert.equal(twin.properties.desired.$version, 1);
    await patchTwin(deviceId, { tags: { floor: null } });
    twin = await getTwin(deviceId);
    assert.deepEqual(twin.tags, { site: 'a', owner: 'x' });
    const last = await patchTwin(deviceId, { tags: { site: null, owner: null } });
    assert.deepEqual(last.tags, {});
    assert.equal((await rest.get(`/twins/${deviceId}`)).json.tags ?? null, null);
});

test('a patch with the current etag is done and brings the next etag', async (t) => {
    const { deviceId } = await newDevice(t);
    const before = await getTwin(deviceId);
    const after = await patchDesired(deviceId, { interval: 1 }, before.etag);
    assert.equal(before.etag, etagOf(1));
    assert.equal(after.etag, etagOf(2));
    assert.equal(after.version, 3);
    assert.equal(after.properties.desired.$version, 2);
    assert.equal(after.properties.reported.$version, 1);
    const again = await patchDesired(deviceId, { interval: 2 }, after.etag);
    assert.equal(again.etag, etagOf(3));
});

test('a patch with a stale etag is refused and changes nothing', async (t) => {
    const { deviceId } = await newDevice(t);
    const { etag } = await getTwin(deviceId);
    await patchDesired(deviceId, { interval: 1 }, etag);
    await assert.rejects(patchDesired(deviceId, { interval: 2 }, etag), { name: 'InvalidEtagError' });
    await assert.rejects(patchTwin(deviceId, { tags: { a: 1 } }, 'bm90IGFuIGV0YWc='),
                         { name: 'InvalidEtagError' });
    const twin = await getTwin(deviceId);
    assert.equal(twin.properties.desired.interval, 1);
    assert.equal(twin.etag, etagOf(2));
    assert.deepEqual(twin.tags, {});
});

test('a patch with the etag * is always done', async (t) => {
    const { deviceId } = await newDevice(t);
    for (const interval of [1, 2, 3]) await patchDesired(deviceId, { interval }, '*');
    const twin = await getTwin(deviceId);
    assert.equal(twin.properties.desired.interval, 3);
    assert.equal(twin.properties.desired.$version, 4);
});

test('a twin object of the SDK updates itself from etag to etag', async (t) => {
    const { deviceId } = await newDevice(t);
    const twin = (await registry.getTwin(deviceId)).responseBody;
    await twin.update({ tags: { n: 1 } });
    await twin.update({ tags: { n: 2 } });
    assert.equal(twin.etag, etagOf(3));
    await patchTwin(deviceId, { tags: { n: 3 } });
    await assert.rejects(twin.update({ tags: { n: 4 } }), { name: 'InvalidEtagError' });
    await twin.get();
    await twin.update({ tags: { n: 5 } });
    assert.deepEqual((await getTwin(deviceId)).tags, { n: 5 });
});

// Rows of the merge table: before, patch, after.
const merges = {
    'adds and overwrites': [{ a: 1 }, { a: 2, b: 3 }, { a: 2, b: 3 }],
    'removes a member by null': [{ a: 1, b: 2 }, { b: null }, { a: 1 }],
    'does nothing for null without a member': [{ a: 1 }, { z: null }, { a: 1 }],
    'removes a nested member by null': [{ o: { x: 1, y: 2 } }, { o: { x: null } }, { o: { y: 2 } }],
    'leaves an empty object when the last member goes': [{ o: { x: 1 } }, { o: { x: null } }, { o: {} }],
    'makes an empty object of a null below nothing': [{}, { o: { x: null } }, { o: {} }],
    'replaces a scalar by an object': [{ a: 's' }, { a: { b: 1 } }, { a: { b: 1 } }],
    'replaces an object by a scalar': [{ a: { b: 1 } }, { a: 5 }, { a: 5 }],
    'replaces an array whole': [{ r: [1, 2] }, { r: [3] }, { r: [3] }],
    'keeps an object under an empty object': [{ o: { x: 1 } }, { o: {} }, { o: { x: 1 } }],
    'keeps nested arrays and mixed types': [
        {}, { r: [[1, 'two'], { three: true }], n: -1.5e3, s: '' },
        { r: [[1, 'two'], { three: true }], n: -1500, s: '' }],
    'takes an empty name and names beyond ASCII': [{}, { '': 1, größe: 2, 温度: 3 },
                                                    { '': 1, größe: 2, 温度: 3 }],
};
for (const [what, [before, patch, after]] of Object.entries(merges)) {
    test(`a merge ${what}, in desired properties and in tags`, async (t) => {
        const { deviceId } = await newDevice(t);
        await patchTwin(deviceId, { tags: before, properties: { desired: before } });
        const twin = await patchTwin(deviceId, { tags: patch, properties: { desired: patch } });
        assert.deepEqual(values(twin.properties.desired), after);
        assert.deepEqual(twin.tags, after);
    });
}

test('null for the whole section removes all its properties', async (t) => {
    const { deviceId } = await newDevice(t);
    await patchTwin(deviceId, { tags: { a: 1 }, properties: { desired: { b: 2, c: { d: 3 } } } });
    const twin = await patchTwin(deviceId, { tags: null, properties: { desired: null } });
    assert.deepEqual(values(twin.properties.desired), {});
    assert.equal(twin.properties.desired.$version, 3);
    assert.deepEqual(twin.tags, {});
});

test('each named desired property goes when it is nulled out', async (t) => {
    const { deviceId } = await newDevice(t);
    await patchDesired(deviceId, { a: 1, b: { c: 2, d: 3 }, e: 4 });
    const twin = await patchDesired(deviceId, { a: null, b: { c: null } });
    assert.deepEqual(values(twin.properties.desired), { b: { d: 3 }, e: 4 });
    assert.deepEqual(values((await patchDesired(deviceId, { b: null, e: null })).properties.desired), {});
});

test('writing the same value again counts as a write', async (t) => {
    const { deviceId } = await newDevice(t);
    await patchDesired(deviceId, { a: 1 });
    const twin = await patchDesired(deviceId, { a: 1 });
    assert.equal(twin.properties.desired.$version, 3);
    assert.equal(twin.etag, etagOf(3));
});

test('an empty patch changes nothing', async (t) => {
    const { deviceId } = await newDevice(t);
    const before = await getTwin(deviceId);
    const after = await patchTwin(deviceId, {});
    assert.equal(after.properties.desired.$version, before.properties.desired.$version);
});

test('a whole twin can be sent back, as the SDKs and the CLI do', async (t) => {
    const device = await newDevice(t);
    await patchTwin(device.deviceId, { tags: { a: 1 }, properties: { desired: { b: 2 } } });
    const { json: twin } = await rest.get(pathOf(device));
    twin.properties.desired.b = 3;
    twin.properties.reported.forged = true;
    const answer = await rest.patch(pathOf(device), { ...twin, deviceId: null, version: null });
    assert.equal(answer.status, 200);
    assert.deepEqual(values(answer.json.properties.desired), { b: 3 });
    assert.deepEqual(values(answer.json.properties.reported), {});
});

test('metadata mirrors the tree and stamps what a write touched', async (t) => {
    const { deviceId } = await newDevice(t);
    await patchDesired(deviceId, { a: 1, o: { x: 1, y: 2 }, r: [1] });
    const twin = await patchDesired(deviceId, { o: { x: 5, y: null } });
    const { $metadata } = twin.properties.desired;
    assert.equal($metadata.$lastUpdatedVersion, 3);
    assert.equal($metadata.a.$lastUpdatedVersion, 2);
    assert.equal($metadata.o.$lastUpdatedVersion, 3);
    assert.equal($metadata.o.x.$lastUpdatedVersion, 3);
    assert.ok(!('y' in $metadata.o));
    assert.deepEqual(Object.keys($metadata.r).sort(), ['$lastUpdated', '$lastUpdatedVersion']);
});

test('a replacement clears what it does not name and drops nulls', async (t) => {
    const device = await newDevice(t);
    await patchTwin(device.deviceId, { tags: { a: 1, b: 2 }, properties: { desired: { c: 3, d: 4 } } });
    const first = await rest.put(pathOf(device), {
        tags: { b: 5 }, properties: { desired: { d: { e: 6, f: null }, g: null } } });
    assert.equal(first.status, 200);
    assert.deepEqual(first.json.tags, { b: 5 });
    assert.deepEqual(values(first.json.properties.desired), { d: { e: 6 } });
    assert.equal(first.json.properties.desired.$version, 3);
    const second = await rest.put(pathOf(device), { properties: { desired: { h: 7 } } });
    assert.equal(second.json.tags ?? null, null);
    assert.deepEqual(values(second.json.properties.desired), { h: 7 });
});

test('a replacement obeys If-Match', async (t) => {
    const device = await newDevice(t);
    const put = (n, etag) => rest.put(pathOf(device), { tags: { n } }, { 'If-Match': etag });
    const { etag } = await getTwin(device.deviceId);
    assert.equal((await put(1, `"${etag}"`)).status, 200);
    assert.equal((await put(2, `"${etag}"`)).status, 412);
    assert.equal((await put(3, '*')).status, 200);
    assert.deepEqual((await getTwin(device.deviceId)).tags, { n: 3 });
});

test('a disabled device keeps a twin that can be written', async (t) => {
    const device = await newDevice(t, { status: 'disabled' });
    const twin = await patchDesired(device.deviceId, { later: true });
    assert.equal(twin.properties.desired.later, true);
});

const nested = (depth, leaf = 1) => (depth === 0 ? leaf : { k: nested(depth - 1, leaf) });
// Sections of a size: each member is a one-character name with a text, rest in the last.
function ofSize(size) {
    const section = {};
    for (let i = 0; size > 0; i++) {
        const length = Math.min(size - 3, 4000);
        section[`n${String.fromCharCode(97 + i)}x`] = 'v'.repeat(length);
        size -= length + 3;
    }
    return section;
}

const good = {
    'a name of 1024 bytes': { ['n'.repeat(1024)]: 1 },
    'a text of 4096 bytes': { a: 'v'.repeat(4096) },
    'the smallest integer': { a: -4503599627370496 },
    'the largest integer': { a: 4503599627370495 },
    'ten objects below the section': nested(11),
    'a section of 8192 characters': ofSize(8192),
};
for (const [what, section] of Object.entries(good)) {
    test(`${what} is allowed`, async (t) => {
        const { deviceId } = await newDevice(t);
        const twin = await patchTwin(deviceId, { tags: section, properties: { desired: section } });
        assert.deepEqual(values(twin.properties.desired), section);
        assert.deepEqual(twin.tags, section);
    });
}

const bad = {
    'a name of 1025 bytes': { ['n'.repeat(1025)]: 1 },
    'a name with a dot': { 'a.b': 1 },
    'a name with a space': { 'a b': 1 },
    'a name with a number sign': { 'a#b': 1 },
    'a name with a dollar sign': { a$b: 1 },
    'a nested name that begins with a dollar sign': { a: { $b: 1 } },
    'a name with a control character': { 'a\u0001b': 1 },
    'a name with a C1 control character': { 'a\u0085b': 1 },
    'a text of 4097 bytes': { a: 'v'.repeat(4097) },
    'an integer too large': { a: 4503599627370496 },
    'an integer too small': { a: -4503599627370497 },
    'eleven objects below the section': nested(12),
    'null in an array': { a: [1, null] },
    'null in an object in an array': { a: [{ b: null }] },
    'tags of 8193 characters': { tagsOnly: true, section: ofSize(8193) },
    'desired properties of 32769 characters': { desiredOnly: true, section: ofSize(32769) },
};
for (const [what, row] of Object.entries(bad)) {
    test(`${what} is refused as a whole`, async (t) => {
        const { deviceId } = await newDevice(t);
        await patchTwin(deviceId, { tags: { kept: 1 }, properties: { desired: { kept: 1 } } });
        const section = { ...(row.section ?? row), valid: true };
        if (!row.tagsOnly)
            await assert.rejects(patchDesired(deviceId, section), { name: 'ArgumentError' });
        if (!row.desiredOnly)
            await assert.rejects(patchTwin(deviceId, { tags: section }), { name: 'ArgumentError' });
        const twin = await getTwin(deviceId);
        assert.deepEqual(twin.tags, { kept: 1 });
        assert.deepEqual(values(twin.properties.desired), { kept: 1 });
        assert.equal(twin.properties.desired.$version, 2);
        assert.equal(twin.etag, etagOf(2));
    });
}

test('desired properties may fill 32768 characters and shrink from there', async (t) => {
    const { deviceId } = await newDevice(t);
    const full = ofSize(32768);
    await patchDesired(deviceId, full);
    await assert.rejects(patchDesired(deviceId, { more: 1 }), { name: 'ArgumentError' });
    const [first] = Object.keys(full);
    const twin = await patchDesired(deviceId, { [first]: null });
    assert.ok(!(first in twin.properties.desired));
});

test('a body over 64 KB is refused', async (t) => {
    const device = await newDevice(t);
    const answer = await rest.patch(pathOf(device), { tags: {}, filler: 'f'.repeat(70_000) });
    assert.ok([400, 413].includes(answer.status), String(answer.status));
    assert.equal((await getTwin(device.deviceId)).etag, etagOf(1));
});

test('numbers and texts come back as they were written', async (t) => {
    const device = await newDevice(t);
    const desired = '{"whole":1,"fraction":1.0,"date":"2026-03-01T08:12:44.0912000Z","e":1.5E2}';
    const answer = await rest.patch(pathOf(device), `{"properties":{"desired":${desired}}}`);
    assert.equal(answer.status, 200);
    assert.match(answer.text, /"fraction":1\.0[,}]/);
    assert.match(answer.text, /"date":"2026-03-01T08:12:44\.0912000Z"/);
});
