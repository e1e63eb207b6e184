// Scheduled jobs from the command line, and over kills of the hub in their middle.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rest } from '../end_to_end/lib/rest.js';
import { until } from '../end_to_end/lib/wait.js';
import { metric, newDevice, newHub } from './lib/operator.js';

const anywhere = ['--listen-addresses', '127.0.0.1'];

async function makeDevices(hub, count) {
    const rest = new Rest(hub);
    for (let first = 0; first < count; first += 100) {
        const items = [];
        for (let i = first; i < Math.min(first + 100, count); i++)
            items.push({ id: `d${i}`, importMode: 'create', tags: { site: 'north' } });
        const answer = await rest.post('/devices', items);
        assert.equal(answer.status, 200, answer.text);
    }
    rest.close();
}

test('a job is made, watched and cancelled on the command line', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    await newDevice(hub, 'd1');
    await newDevice(hub, 'd2');
    const run = async (...words) => {
        const answer = await hub.run(...words);
        assert.equal(answer.code, 0, `${words.join(' ')}: ${answer.err}`);
        return answer;
    };
    // Everybody only when that is said.
    for (const condition of [[], ['-q', '*'], ['-q', ' ']]) {
        const refused = await hub.run('job', 'create-twin-update', '--job-id', 'j', '--tags', '{"a":1}', ...condition);
        assert.equal(refused.code, 2);
        assert.match(refused.err, /--all-devices/);
    }
    const done = (await run('job', 'create-twin-update', '--job-id', 'all', '--all-devices', '--tags', '{"a":1}',
                            '--desired', '{"fan":2}', '--wait', '--poll-interval', '1')).json;
    assert.equal(done.status, 'completed');
    assert.equal(done.deviceJobStatistics.succeededCount, 2);
    const one = (await run('job', 'create-twin-update', '--job-id', 'one', '-q', "deviceId = 'd2'",
                           '--twin-patch', '{"properties":{"desired":{"fan":null}}}', '--wait', '--poll-interval', '1')).json;
    assert.equal(one.deviceJobStatistics.deviceCount, 1);
    const called = (await run('job', 'create-method', '--job-id', 'call', '-q', "deviceId = 'd1'", '--mn', 'go',
                              '--mct', '0', '--mrt', '5', '--wait', '--poll-interval', '1')).json;
    assert.equal(called.deviceJobStatistics.failedCount, 1);
    assert.match((await run('job', 'devices', '--job-id', 'call', '--output', 'table')).out, /404103/);
    assert.deepEqual((await run('job', 'devices', '--job-id', 'all')).json.map((row) => row.deviceId).sort(), ['d1', 'd2']);
    assert.deepEqual((await run('job', 'list', '--job-status', 'completed')).json.map((job) => job.jobId).sort(),
                     ['all', 'call', 'one']);
    assert.equal((await run('job', 'list', '--top', '1')).json.length, 1);
    const start = new Date(Date.now() + 3600_000).toISOString();
    await run('job', 'create-twin-update', '--job-id', 'late', '--all-devices', '--tags', '{"a":2}', '--start', start);
    assert.equal((await run('job', 'cancel', '--job-id', 'late')).json.status, 'cancelled');
    const again = await hub.run('job', 'cancel', '--job-id', 'late');
    assert.equal(again.code, 1);
    const missing = await hub.run('job', 'show', '--job-id', 'nobody');
    assert.notEqual(missing.code, 0);
    assert.equal(await metric(hub, 'twin_job_devices_total{result="succeeded"}'), 3);
});

test('a job that is killed again and again changes every device once', async (t) => {
    const count = 1500;
    const hub = await newHub(t, { arguments: anywhere, settings: 'jobs:\n  devices_per_second: 600\n' });
    await makeDevices(hub, count);
    const created = await hub.run('job', 'create-twin-update', '--job-id', 'fw', '-q', "tags.site = 'north'",
                                  '--tags', '{"site":"south"}', '--desired', '{"fw":2}');
    assert.equal(created.code, 0, created.err);
    const job = async () => {
        const rest = new Rest(hub);
        const { json } = await rest.get('/jobs/v2/fw');
        rest.close();
        return json;
    };
    let before = 0;
    for (let kill = 0; kill < 3; kill++) {
        await until(async () => {
            const { deviceJobStatistics: counts } = await job();
            return counts.succeededCount > before;
        }, 'the job to go on', 30_000);
        before = (await job()).deviceJobStatistics.succeededCount;
        assert.ok(before < count, 'the job was over before it could be killed');
        await hub.kill();
        await hub.start();
    }
    const ended = await until(async () => {
        const now = await job();
        return now.status !== 'running' && now;
    }, 'the end of the job', 60_000);
    assert.equal(ended.status, 'completed', JSON.stringify(ended));
    assert.equal(ended.deviceJobStatistics.deviceCount, count);
    assert.equal(ended.deviceJobStatistics.succeededCount, count);
    // Twice would show: each twin began at version 1 of its desired properties.
    const rest = new Rest(hub);
    for (const [where, expected] of [["tags.site = 'south' AND properties.desired.fw = 2", count],
                                     ['properties.desired.$version != 2', 0]]) {
        const { json } = await rest.post('/devices/query', { query: `SELECT COUNT() AS n FROM devices WHERE ${where}` });
        assert.equal(json[0]?.n ?? 0, expected, where);
    }
    rest.close();
});
