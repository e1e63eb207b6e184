// Every way to write If-Match on every kind of thing (specification: service-api 1.5).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newDevice, newModule, rest } from './lib/fixture.js';

const stale_etag = 'c3RhbGU=';
const ways = {
    'without If-Match': () => undefined,
    'with *': () => '*',
    'with "*"': () => '"*"',
    'with the etag quoted': (etag) => `"${etag}"`,
    'with the etag unquoted': (etag) => etag,
    'with a weak etag': (etag) => `W/"${etag}"`,
    'with a list that holds the etag': (etag) => `"${stale_etag}", "${etag}"`,
    'with a stale etag': () => `"${stale_etag}"`,
    'with a stale etag unquoted': () => stale_etag,
    'with an empty etag': () => '""',
};

const identity = {
    update: { 'without If-Match': 409, 'with a stale etag': 412, 'with a stale etag unquoted': 412,
              'with an empty etag': 'refused' },
    delete: { 'without If-Match': 412, 'with a stale etag': 412, 'with a stale etag unquoted': 412,
              'with an empty etag': 'refused' },
};
const twin = { 'with a stale etag': 412, 'with a stale etag unquoted': 412,
               'with an empty etag': 'refused' };

// [name, make the thing's path and a body, method, good status, exceptions]
const things = [
    ['a device identity', device, 'PUT', 200, identity.update],
    ['a device identity', device, 'DELETE', 204, identity.delete],
    ['a module identity', module, 'PUT', 200, identity.update],
    ['a module identity', module, 'DELETE', 204, identity.delete],
    ['a device twin', deviceTwin, 'PATCH', 200, twin],
    ['a device twin', deviceTwin, 'PUT', 200, twin],
    ['a module twin', moduleTwin, 'PATCH', 200, twin],
    ['a module twin', moduleTwin, 'PUT', 200, twin],
];

async function device(t) {
    const { deviceId } = await newDevice(t);
    return { path: `/devices/${deviceId}`, body: { deviceId, statusReason: 'changed' } };
}

async function module(t) {
    const { deviceId, moduleId } = await newModule(t, await newDevice(t));
    return { path: `/devices/${deviceId}/modules/${moduleId}`,
             body: { deviceId, moduleId, managedBy: 'changed' } };
}

async function deviceTwin(t) {
    const { deviceId } = await newDevice(t);
    return { path: `/twins/${deviceId}`, body: { tags: { changed: true } } };
}

async function moduleTwin(t) {
    const { deviceId, moduleId } = await newModule(t, await newDevice(t));
    return { path: `/twins/${deviceId}/modules/${moduleId}`, body: { tags: { changed: true } } };
}

for (const [name, make, method, good, exceptions] of things) {
    for (const [way, etagOf] of Object.entries(ways)) {
        const expected = exceptions[way] ?? good;
        test(`${method} of ${name} ${way} answers ${expected}`, async (t) => {
            const { path, body } = await make(t);
            const before = (await rest.get(path)).json;
            const answer = await rest.send(method, path, {
                body: method === 'DELETE' ? undefined : body,
                headers: { 'If-Match': etagOf(before.etag) } });
            if (expected === 'refused') assert.ok([400, 412].includes(answer.status), answer.text);
            else assert.equal(answer.status, expected, answer.text);

            const after = await rest.get(path);
            if (answer.status >= 300) assert.deepEqual(after.json, before, 'nothing changed');
            else if (method === 'DELETE') assert.equal(after.status, 404);
            else assert.notEqual(after.json.etag, before.etag);
        });
    }
}

test('If-None-Match is ignored', async (t) => {
    const { path } = await deviceTwin(t);
    const { headers } = await rest.get(path);
    assert.equal((await rest.get(path, { 'If-None-Match': headers.etag })).status, 200);
});

test('the etag in the body of an identity is not a condition', async (t) => {
    const { path, body } = await device(t);
    const answer = await rest.put(path, { ...body, etag: stale_etag }, { 'If-Match': '"*"' });
    assert.equal(answer.status, 200);
});
