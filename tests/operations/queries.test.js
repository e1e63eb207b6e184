// Limits, settings and the log of queries, as an operator sees them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, metric, newDevice, newHub } from './lib/operator.js';

const query = (hub, text, headers) =>
    ask(hub, 'POST', '/devices/query', { body: { query: text }, headers });

const anywhere = ['--listen-addresses', '127.0.0.1'];

test('slow queries are logged with what they did, never with values of twins', async (t) => {
    const hub = await newHub(t, { arguments: anywhere, settings: 'query: {slow: 0ms}\nlog: {format: json}\n' });
    await newDevice(hub, 'd1');
    await ask(hub, 'PATCH', '/twins/d1', { body: { tags: { site: 'here', note: 'unheard-of' } } });
    const found = await query(hub, "SELECT tags.note FROM devices WHERE tags.site = 'here'");
    assert.deepEqual(found.json, [{ note: 'unheard-of' }]);
    assert.match(found.headers['server-timing'], /^query;dur=[0-9.]+$/);
    const event = hub.text().split('\n').filter((line) => line.includes('query.slow'))
        .map((line) => JSON.parse(line))[0];
    assert.equal(event.query, "SELECT tags.note FROM devices WHERE tags.site = 'here'");
    assert.match(event.plan, /tags\.site = 'here'/);
    assert.equal(event.rows_scanned, 1);
    assert.equal(event.rows_returned, 1);
    assert.equal(event.principal, 'iothubowner');
    assert.ok(event.milliseconds >= 0);
    assert.ok(!hub.text().includes('unheard-of'));
    await query(hub, `SELECT * FROM devices WHERE tags.site = '${'\u00e9'.repeat(2000)}'`);
    const long = hub.text().split('\n').filter((line) => line.includes('query.slow')).at(-1);
    assert.ok(Buffer.byteLength(JSON.parse(long).query) <= 500);
    assert.equal(await metric(hub, 'twin_queries_slow_total'), 2);
});

test('a policy that asks too much is told when to come again', async (t) => {
    const hub = await newHub(t, { arguments: anywhere, settings: 'query: {budget: 1ms}\n' });
    for (let n = 0; n < 20; n++) await newDevice(hub, `d${n}`);
    let answer;
    for (let n = 0; n < 1000 && answer?.status !== 429; n++)
        answer = await query(hub, "SELECT * FROM devices WHERE NOT deviceId = 'd1'");
    assert.equal(answer.status, 429);
    assert.equal(answer.errorName, 'ThrottlingException');
    assert.match(answer.headers['retry-after'], /^[1-9][0-9]*$/);
    const other = await ask(hub, 'POST', '/devices/query', { body: { query: 'SELECT * FROM devices' } },
                            hub.connectionStringOf('service'));
    assert.equal(other.status, 200, 'the budget is of one policy');
    assert.ok(await metric(hub, 'twin_queries_total{result="throttled"}') >= 1);
});

test('over the budget of its hints a query gives nothing rather than a part', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    for (let n = 0; n < 10; n++) await newDevice(hub, `d${n}`);
    const answer = await query(hub, "SELECT /*+ maxScan(1) */ * FROM devices WHERE NOT deviceId = 'x'");
    assert.equal(answer.status, 503);
    assert.equal(answer.json.partial, false);
    assert.equal(await metric(hub, 'twin_queries_total{result="unavailable"}'), 1);
});

test('the dialect and the meaning of missing keys are settings', async (t) => {
    const hub = await newHub(t, {
        arguments: anywhere,
        settings: 'query: {dialect: azure, missing_compares_as: different}\n' });
    await newDevice(hub, 'd1');
    const refused = await query(hub, 'SELECT * FROM devices LIMIT 1');
    assert.equal(refused.status, 400);
    assert.equal(refused.json.queryError.kind, 'unsupportedClause');
    const extended = { 'x-query-dialect': 'extended' };
    assert.equal((await query(hub, 'SELECT * FROM devices LIMIT 1', extended)).status, 200);
    const different = await query(hub, "SELECT deviceId FROM devices WHERE tags.site != 'x'");
    assert.deepEqual(different.json, [{ deviceId: 'd1' }]);
});
