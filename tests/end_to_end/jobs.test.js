// Scheduled jobs through Microsoft's service SDK, with real devices (specification: service-api 7
// and 15, rows N17 to N19, Z10).
import assert from 'node:assert/strict';
import iothub from 'azure-iothub';
import { test } from 'node:test';
import {
    connect, getTwin, hub, newDevice, newId, newModule, patchTwin, registry, rest, twinOf, values,
    watchDesired,
} from './lib/fixture.js';
import { until } from './lib/wait.js';

const jobs = iothub.JobClient.fromConnectionString(hub.connectionString);

const ended = ['completed', 'failed', 'cancelled'];
const jobOf = async (id) => (await jobs.getJob(id)).jobStatus;
const endOf = (id) => until(async () => {
    const job = await jobOf(id);
    return ended.includes(job.status) && job;
}, `the end of job ${id}`, 30_000);

// All rows of devices.jobs that a condition selects.
async function rowsOf(condition, pageSize = 100) {
    const query = registry.createQuery(`SELECT * FROM devices.jobs WHERE ${condition}`, pageSize);
    const rows = [];
    while (query.hasMoreResults) rows.push(...(await query.next(query.continuationToken)).result);
    return rows;
}

const scheduleUpdate = async (id, condition, patch, start = new Date(), seconds = 300) =>
    (await jobs.scheduleTwinUpdate(id, condition, { etag: '*', ...patch }, start, seconds)).jobStatus;

test('a job patches the twins of a condition, and their devices hear of it', async (t) => {
    const site = newId('site');
    const devices = [];
    for (let i = 0; i < 3; i++) {
        const device = await newDevice(t);
        await patchTwin(device.deviceId, { tags: { site } });
        devices.push(device);
    }
    const other = await newDevice(t);
    const client = await connect(t, devices[0]);
    const inbox = await watchDesired(await twinOf(client));

    const id = newId('job');
    const patch = { tags: { wave: 1 }, properties: { desired: { firmware: '2.0', old: null } } };
    const created = await scheduleUpdate(id, `tags.site = '${site}'`, patch);
    assert.equal(created.jobId, id);
    assert.equal(created.status, 'queued');
    assert.equal(created.type, 'scheduleUpdateTwin');

    const job = await endOf(id);
    assert.equal(job.status, 'completed', JSON.stringify(job));
    assert.deepEqual(job.deviceJobStatistics,
                     { deviceCount: 3, failedCount: 0, succeededCount: 3, runningCount: 0, pendingCount: 0 });
    assert.deepEqual(job.updateTwin, { etag: '*', ...patch });
    assert.equal(job.queryCondition, `tags.site = '${site}'`);
    assert.equal(job.maxExecutionTimeInSeconds, 300);
    for (const { deviceId } of devices) {
        const twin = await getTwin(deviceId);
        assert.deepEqual(twin.tags, { site, wave: 1 });
        assert.deepEqual(values(twin.properties.desired), { firmware: '2.0' });
    }
    assert.deepEqual((await getTwin(other.deviceId)).tags ?? {}, {});
    assert.equal((await inbox.take()).firmware, '2.0');

    const rows = await rowsOf(`devices.jobs.jobId = '${id}'`, 2);
    assert.deepEqual(rows.map((row) => row.deviceId).sort(), devices.map((each) => each.deviceId).sort());
    for (const row of rows) {
        assert.equal(row.status, 'completed');
        assert.equal(row.jobType, 'scheduleUpdateTwin');
        for (const name of ['startTimeUtc', 'endTimeUtc', 'createdDateTimeUtc', 'lastUpdatedDateTimeUtc'])
            assert.ok(Date.parse(row[name]) > 0, name);
    }
    assert.equal((await rowsOf(`devices.jobs.deviceId = '${devices[1].deviceId}' AND status = 'completed'`)).length, 1);

    const history = (await rest.get(`/twins/${devices[0].deviceId}/history?limit=1`)).json;
    assert.equal(history.changes[0].cause, 'job');
});

test('a job calls a method of every device, and says how each answered', async (t) => {
    const site = newId('site');
    const answers = { good: 200, bad: 500 };
    const ids = {};
    for (const [name, status] of Object.entries(answers)) {
        const device = await newDevice(t);
        ids[name] = device.deviceId;
        await patchTwin(device.deviceId, { tags: { site } });
        const client = await connect(t, device);
        client.onDeviceMethod('reboot', (request, response) =>
            response.send(status, { asked: request.payload }, () => {}));
    }
    ids.away = (await newDevice(t)).deviceId;
    await patchTwin(ids.away, { tags: { site } });

    const id = newId('job');
    const method = { methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 10 };
    const created = (await jobs.scheduleDeviceMethod(id, `tags.site = '${site}'`, method, new Date(), 60)).jobStatus;
    assert.equal(created.status, 'queued');
    const job = await endOf(id);
    assert.equal(job.status, 'completed', JSON.stringify(job));
    assert.equal(job.deviceJobStatistics.succeededCount, 2);
    assert.equal(job.deviceJobStatistics.failedCount, 1);
    assert.deepEqual(job.cloudToDeviceMethod, method);

    const rows = Object.fromEntries((await rowsOf(`devices.jobs.jobId = '${id}'`)).map((row) => [row.deviceId, row]));
    for (const [name, status] of Object.entries(answers))
        assert.deepEqual(rows[ids[name]].outcome.deviceMethodResponse, { status, payload: { asked: { in: 5 } } });
    assert.equal(rows[ids.away].status, 'failed');
    assert.equal(rows[ids.away].error.code, '404103');
});

test('a job of the future is scheduled, and can be cancelled until it begins', async (t) => {
    const device = await newDevice(t);
    const id = newId('job');
    const start = new Date(Date.now() + 3600_000);
    await scheduleUpdate(id, `deviceId = '${device.deviceId}'`, { tags: { late: true } }, start);
    await until(async () => (await jobOf(id)).status === 'scheduled', 'the job to be scheduled');
    assert.equal((await jobs.cancelJob(id)).jobStatus.status, 'cancelled');
    assert.equal((await jobOf(id)).status, 'cancelled');
    await assert.rejects(jobs.cancelJob(id), (error) => error.response.statusCode === 405);
});

test('a job that is there already, or has no sense, is refused', async (t) => {
    const device = await newDevice(t);
    const id = newId('job');
    const condition = `deviceId = '${device.deviceId}'`;
    await scheduleUpdate(id, condition, { tags: { a: 1 } });
    await assert.rejects(scheduleUpdate(id, condition, { tags: { a: 2 } }),
                         (error) => error.response.statusCode === 409);
    await assert.rejects(jobs.scheduleTwinUpdate(newId('job'), condition, { etag: 'AAAA', tags: {} }, new Date(), 60),
                         (error) => error.response.statusCode === 400);
    const beyond = new Date(Date.now() + 8 * 24 * 3600_000);
    await assert.rejects(scheduleUpdate(newId('job'), condition, { tags: {} }, beyond),
                         (error) => error.response.statusCode === 400);
    const bad = newId('job');
    await scheduleUpdate(bad, 'tags.a ~ 1', { tags: { a: 1 } });
    const job = await endOf(bad);
    assert.equal(job.status, 'failed');
    assert.ok(job.failureReason.length > 0);
    assert.deepEqual((await rest.get('/jobs/v2/nobody')).json, { jobId: 'nobody', type: 'unknown', status: 'unknown' });
});

test('a job patches modules', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const id = newId('job');
    await scheduleUpdate(id, `FROM devices.modules WHERE moduleId = '${module.moduleId}'`,
                         { properties: { desired: { speed: 3 } } });
    assert.equal((await endOf(id)).deviceJobStatistics.succeededCount, 1);
    const twin = (await registry.getModuleTwin(device.deviceId, module.moduleId)).responseBody;
    assert.equal(twin.properties.desired.speed, 3);
});

test('jobs are listed by type and status, page by page', async (t) => {
    const device = await newDevice(t);
    const ids = [];
    for (let i = 0; i < 3; i++) {
        ids.push(newId('listed'));
        await scheduleUpdate(ids[i], `deviceId = '${device.deviceId}'`, { tags: { i } });
        await endOf(ids[i]);
    }
    const query = jobs.createQuery('scheduleUpdateTwin', 'completed', 2);
    const found = [];
    while (query.hasMoreResults) {
        const page = (await query.next(query.continuationToken)).result;
        assert.ok(page.length <= 2);
        found.push(...page);
    }
    for (const id of ids) assert.ok(found.some((job) => job.jobId === id), id);
    assert.ok(found.every((job) => job.type === 'scheduleUpdateTwin' && job.status === 'completed'));
});
