// Queries and their pages (specification: service-api 6).
import assert from 'node:assert/strict';
import { before, after, test } from 'node:test';
import {
    connect, getTwin, newDevice, newId, newModule, patchTwin, registry, report, rest, twinOf,
} from './lib/fixture.js';
import { until } from './lib/wait.js';

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

test('a quote in an id is escaped, or the quotes around it are double', async (t) => {
    const deviceId = `${newId('quote')}'s`;
    await newDevice(t, { deviceId });
    for (const text of [`'${deviceId.replace("'", "\\'")}'`, `"${deviceId}"`]) {
        const { json } = await query(`SELECT * FROM devices WHERE deviceId = ${text}`);
        assert.equal(json[0].deviceId, deviceId);
    }
});

// Devices of three sites with what their devices say, and the module of one of them.
async function fleet(t) {
    const mark = newId('mark');
    const all = [];
    for (const [site, battery] of [['lyon', 80], ['lyon', 15], ['metz', 50], [undefined, 10]]) {
        const device = await newDevice(t);
        await patchTwin(device.deviceId, { tags: { mark, ...(site ? { site } : {}) },
                                           properties: { desired: { mode: 'eco' } } });
        const client = await connect(t, device);
        await report(await twinOf(client), { battery, mode: battery > 20 ? 'eco' : 'off' });
        all.push({ deviceId: device.deviceId, site, battery, client });
    }
    await newModule(t, all[0], 'motor');
    return { mark, all };
}

// Every row, page by page, as the SDK reads them.
async function rowsOf(sql, size) {
    const statement = registry.createQuery(sql, size);
    const rows = [];
    for (let token; ;) {
        const { result } = await statement.next(token);
        rows.push(...result);
        if (!statement.hasMoreResults) return rows;
        token = statement.continuationToken;
    }
}

test('conditions over tags, desired, reported and the state of the connection', async (t) => {
    const { mark, all } = await fleet(t);
    const idsOf = async (condition) => (await rowsOf(
        `SELECT deviceId FROM devices WHERE tags.mark = '${mark}' AND (${condition})`, 2))
        .map(({ deviceId }) => all.findIndex((one) => one.deviceId === deviceId));
    assert.deepEqual(await idsOf("tags.site = 'lyon'"), [0, 1]);
    assert.deepEqual(await idsOf("tags.site != 'lyon'"), [2], 'what is missing matches nothing');
    assert.deepEqual(await idsOf('NOT is_defined(tags.site)'), [3]);
    assert.deepEqual(await idsOf('properties.reported.battery < 20'), [1, 3]);
    assert.deepEqual(await idsOf('properties.desired.mode = properties.reported.mode'), [0, 2]);
    assert.deepEqual(await idsOf("tags.site IN ['metz', 'nancy']"), [2]);
    assert.deepEqual(await idsOf("connectionState = 'Connected'"), [0, 1, 2, 3]);
    await all[1].client.close();
    await until(async () => (await idsOf("connectionState = 'Disconnected'")).length === 1,
                'the connection to be seen as closed');
});

test('projections are flat rows that leave out what is missing', async (t) => {
    const { mark, all } = await fleet(t);
    const rows = await rowsOf('SELECT deviceId, tags.site, properties.reported.battery AS charge '
        + `FROM devices WHERE tags.mark = '${mark}'`, 3);
    assert.deepEqual(rows, all.map(({ deviceId, site, battery }) =>
        ({ deviceId, ...(site ? { site } : {}), charge: battery })));
    const { headers } = await query('SELECT deviceId FROM devices');
    assert.equal(headers['x-ms-item-type'], 'Raw');
});

test('aggregates and groups', async (t) => {
    const { mark } = await fleet(t);
    const where = `FROM devices WHERE tags.mark = '${mark}'`;
    assert.deepEqual(await rowsOf(`SELECT COUNT() AS n ${where}`), [{ n: 4 }]);
    assert.deepEqual(await rowsOf('SELECT AVG(properties.reported.battery) AS a, '
        + `MIN(properties.reported.battery) AS lo, MAX(properties.reported.battery) AS hi ${where}`),
    [{ a: 38.75, lo: 10, hi: 80 }]);
    const groups = await rowsOf(`SELECT tags.site, COUNT() AS n ${where} GROUP BY tags.site`, 1);
    const bySite = (a, b) => String(a.site).localeCompare(String(b.site));
    assert.deepEqual(groups.sort(bySite),
                     [{ site: 'lyon', n: 2 }, { site: 'metz', n: 1 }, { n: 1 }].sort(bySite));
});

test('modules are a collection of their own', async (t) => {
    const { all } = await fleet(t);
    const { json, headers } = await query(
        `SELECT * FROM devices.modules WHERE deviceId = '${all[0].deviceId}'`);
    assert.deepEqual(json.map(({ moduleId }) => moduleId), ['motor']);
    assert.equal(headers['x-ms-item-type'], 'Twin');
});

test('more than Azure, unless the dialect is azure', async (t) => {
    const { mark, all } = await fleet(t);
    const sql = `SELECT deviceId FROM devices WHERE tags.mark = '${mark}' `
        + 'ORDER BY properties.reported.battery DESC LIMIT 2';
    assert.deepEqual((await query(sql)).json,
                     [{ deviceId: all[0].deviceId }, { deviceId: all[2].deviceId }]);
    const refused = await query(sql, { 'x-query-dialect': 'azure' });
    assert.equal(refused.status, 400);
    assert.equal(refused.json.queryError.kind, 'unsupportedClause');
    assert.equal((await query(sql, { 'x-query-dialect': 'sql' })).status, 400);
});

test('the SDK reads why a text is refused', async () => {
    await assert.rejects(registry.createQuery('SELECT * FROM devices WHERE tags.group = 1').next(),
                         (error) => /\[\[group\]\]/.test(error.message + error.responseBody));
});

test('the pages of one answer show one moment', async (t) => {
    const { mark, all } = await fleet(t);
    const sql = `SELECT deviceId, tags.site FROM devices WHERE tags.mark = '${mark}'`;
    const first = await query(sql, { 'x-ms-max-item-count': '1' });
    await patchTwin(all[2].deviceId, { tags: { site: 'nancy' } });
    await registry.delete(all[3].deviceId);
    const rest_of_it = await query(sql, { 'x-ms-continuation': first.headers['x-ms-continuation'] });
    assert.deepEqual([...first.json, ...rest_of_it.json].map(({ deviceId }) => deviceId),
                     all.map(({ deviceId }) => deviceId));
    assert.equal(rest_of_it.json[1].site, 'metz');
    assert.equal((await query(sql)).json[2].site, 'nancy');
});

const refused = {
    'no statement': [{}, {}, 'ArgumentNull'],
    'no text in the statement': [{ query: null }, {}, 'ArgumentNull'],
    'an empty statement': [{ query: '' }, {}, 'ArgumentInvalid'],
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
