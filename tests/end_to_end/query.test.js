// Queries and their pages (specification: service-api 6).
import assert from 'node:assert/strict';
import { before, after, test } from 'node:test';
import { getTwin, newDevice, newId, patchTwin, registry, rest } from './lib/fixture.js';

const ids = Array.from({ length: 7 }, () => newId('paged'));
before(() => registry.addDevices(ids.map((deviceId) => ({ deviceId }))));
after(() => registry.removeDevices(ids.map((deviceId) => ({ deviceId })), true));

// Every page of `sql`. The promise form of the SDK forgets the token, so it is handed back.
async function pagesOf(sql, size) {
    const query = registry.createQuery(sql, size);
    const pages = [];
    for (let token; ;) {
        const { result } = await query.nextAsTwin(token);
        pages.push(result.map((twin) => twin.deviceId));
        if (!query.hasMoreResults) return pages;
        token = query.continuationToken;
        assert.ok(token.length > 0);
    }
}

const query = (sql, headers) => rest.post('/devices/query', { query: sql }, headers);

for (const size of [1, 2, 3, 7, 100, undefined]) {
    test(`pages of ${size ?? 'the usual size'} bring every device once`, async () => {
        const pages = await pagesOf('SELECT * FROM devices', size);
        const seen = pages.flat();
        assert.equal(new Set(seen).size, seen.length, 'no device twice');
        for (const id of ids) assert.ok(seen.includes(id), id);
        for (const page of pages) assert.ok(page.length <= (size ?? 100));
    });
}

test('a page size may change on the way', async () => {
    const first = await query('SELECT * FROM devices', { 'x-ms-max-item-count': '2' });
    assert.equal(first.json.length, 2);
    const second = await query('SELECT * FROM devices', {
        'x-ms-max-item-count': '1000', 'x-ms-continuation': first.headers['x-ms-continuation'] });
    const seen = [...first.json, ...second.json].map((twin) => twin.deviceId);
    for (const id of ids) assert.ok(seen.includes(id));
    assert.equal(new Set(seen).size, seen.length);
});

test('the last page has no continuation header, and every page says Twin', async () => {
    const all = await query('SELECT * FROM devices', { 'x-ms-max-item-count': '1000' });
    assert.ok(!('x-ms-continuation' in all.headers));
    assert.equal(all.headers['x-ms-item-type'], 'Twin');
    const none = await query("SELECT * FROM devices WHERE deviceId = 'nobody-at-all'");
    assert.deepEqual(none.json, []);
    assert.equal(none.headers['x-ms-item-type'], 'Twin');
    assert.ok(!('x-ms-continuation' in none.headers));
});

test('a device is found by its id', async () => {
    assert.deepEqual(await pagesOf(`SELECT * FROM devices WHERE deviceId = '${ids[3]}'`), [[ids[3]]]);
    assert.deepEqual(await pagesOf(`select * from devices where deviceId='${ids[4]}'`), [[ids[4]]]);
});

test('the twin in a result is the twin that a read gives', async (t) => {
    const { deviceId } = await newDevice(t);
    await patchTwin(deviceId, { tags: { site: 1 }, properties: { desired: { a: [1, { b: 2 }] } } });
    const { json } = await query(`SELECT * FROM devices WHERE deviceId = '${deviceId}'`);
    assert.deepEqual(json, [(await rest.get(`/twins/${deviceId}`)).json]);
});

test('a query sees every write that was acknowledged before it', async (t) => {
    const { deviceId } = await newDevice(t);
    const found = async () =>
        (await query(`SELECT * FROM devices WHERE deviceId = '${deviceId}'`)).json;
    for (let n = 0; n < 10; n++) {
        await patchTwin(deviceId, { tags: { n } });
        assert.equal((await found())[0].tags.n, n);
    }
    await registry.delete(deviceId);
    assert.deepEqual(await found(), []);
});

test('results are read as twins that can be updated', async () => {
    const { result } = await registry.createQuery(
        `SELECT * FROM devices WHERE deviceId = '${ids[0]}'`).nextAsTwin();
    await result[0].update({ tags: { found: true } });
    assert.deepEqual((await getTwin(ids[0])).tags, { found: true });
});

test('a quote in an id is written twice', async (t) => {
    const deviceId = `${newId('quote')}'s`;
    await newDevice(t, { deviceId });
    const { json } = await query(`SELECT * FROM devices WHERE deviceId = '${deviceId.replace("'", "''")}'`);
    assert.equal(json[0].deviceId, deviceId);
});

const refused = {
    'no statement': [{}, {}, 'ArgumentNull'],
    'an empty statement': [{ query: '' }, {}, 'ArgumentNull'],
    'no statement but a number': [{ query: 7 }, {}, undefined],
    'bad SQL': [{ query: 'SELECT FROM WHERE' }, {}, 'ArgumentInvalid'],
    'an unknown collection': [{ query: 'SELECT * FROM gardens' }, {}, 'ArgumentInvalid'],
    'a page size of 0': [{ query: 'SELECT * FROM devices' }, { 'x-ms-max-item-count': '0' }, undefined],
    'a page size that is no number':
        [{ query: 'SELECT * FROM devices' }, { 'x-ms-max-item-count': 'many' }, undefined],
    'a continuation that the hub never gave':
        [{ query: 'SELECT * FROM devices' }, { 'x-ms-continuation': 'garbage' }, 'ArgumentInvalid'],
};
for (const [what, [body, headers, name]] of Object.entries(refused)) {
    test(`a query with ${what} is refused`, async () => {
        const answer = await rest.post('/devices/query', body, headers);
        assert.equal(answer.status, 400);
        if (name) assert.equal(answer.errorName, name);
    });
}

test('a continuation belongs to its statement', async () => {
    const first = await query('SELECT * FROM devices', { 'x-ms-max-item-count': '1' });
    const answer = await query("SELECT * FROM devices WHERE status = 'enabled'",
                               { 'x-ms-continuation': first.headers['x-ms-continuation'] });
    assert.equal(answer.status, 400);
});

test('a page size over the limit is clamped', async () => {
    const answer = await query('SELECT * FROM devices', { 'x-ms-max-item-count': '100000' });
    assert.equal(answer.status, 200);
    assert.ok(answer.json.length <= 1000);
});
