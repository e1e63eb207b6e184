// Changes of a fleet in waves, with devices on real sockets (docs/rollouts.md).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { connect, newDevice, patchTwin, report, rest, twinOf } from './lib/fixture.js';
import { binary } from './lib/hub.js';
import { login, twinhub, twinhubFails } from './lib/operator.js';
import { until } from './lib/wait.js';

const rolloutOf = async name => (await rest.get(`/rollouts/${name}`)).json;
const reaches = (name, state) =>
    until(async () => (await rolloutOf(name)).state === state, `${name} ${state}`);
const desiredOf = async ({ deviceId }) => {
    const { json } = await rest.get(`/twins/${deviceId}?api-version=2021-04-12`);
    return Object.fromEntries(
        Object.entries(json.properties.desired).filter(([name]) => !name.startsWith('$')));
};

// Devices that take a firmware as they are told; the bad ones refuse it.
async function fleetOf(t, count, site, isBad) {
    const devices = [];
    for (let i = 0; i < count; ++i) {
        const device = await newDevice(t);
        await patchTwin(device.deviceId,
            { tags: { site }, properties: { desired: { firmware: '1', keep: i } } });
        const twin = await twinOf(await connect(t, device));
        const answer = async desired => {
            if (desired.firmware === undefined) return;
            const bad = isBad(i) && desired.firmware !== '1';
            await report(twin, {
                firmware: {
                    value: bad ? '1' : desired.firmware, ac: bad ? 400 : 200,
                    av: desired.$version, ad: bad ? 'no room' : 'done',
                },
            });
        };
        await answer(twin.properties.desired);
        twin.on('properties.desired', delta => { answer(delta); });
        devices.push(device);
    }
    return devices;
}

test('a good firmware goes through its waves to the end', async (t) => {
    const site = `good-${process.pid}`;
    const devices = await fleetOf(t, 10, site, () => false);
    const planned = twinhub('rollout', 'plan', '--name', site, '--target', `tags.site = '${site}'`,
        '--desired', '{"firmware": "2"}', '--waves', '20%', '50%', 'rest',
        '--converged-at-least', '100%', '--confirm-all', '--save');
    assert.match(planned, /3 waves, 10 devices {3}differs on 10, same already 0, offline now 0/);
    assert.match(planned, /properties\.desired\.firmware: "1" -> "2" {3}10 devices/);
    const watch = spawn(binary(), ['rollout', 'status', '--name', site, '--watch', ...login()]);
    let seen = '';
    watch.stdout.on('data', bytes => { seen += bytes; });
    const ended = new Promise(done => { watch.on('close', done); });
    twinhub('rollout', 'start', '--name', site);
    await reaches(site, 'completed');
    assert.equal(await ended, 0);
    assert.match(seen, /completed wave 3 of 3: 10 converged/);
    for (const device of devices) assert.equal((await desiredOf(device)).firmware, '2');
    const { waves, log } = await rolloutOf(site);
    assert.deepEqual(waves.map(wave => [wave.devices, wave.state, wave.states.converged]),
        [[2, 'passed', 2], [3, 'passed', 3], [5, 'passed', 5]]);
    assert.deepEqual(log.map(line => line.what),
        ['planned', 'start', 'running', 'passed', 'passed', 'passed']);
    const { json: history } =
        await rest.get(`/twins/${devices[0].deviceId}/history?part=desired&limit=1`);
    const { cause, by } = history.changes[0];
    assert.deepEqual([cause, by.kind, by.id, by.person], ['rollout', 'rollout', site, 'iothubowner']);
});

test('a bad firmware stops in the first wave, and everybody gets back what was there', async (t) => {
    const site = `bad-${process.pid}`;
    const devices = await fleetOf(t, 10, site, i => i % 2 === 0);
    const before = await Promise.all(devices.map(desiredOf));
    twinhub('rollout', 'plan', '--name', site, '--target', `tags.site = '${site}'`,
        '--desired', '{"firmware": "3", "extra": {"slow": true}}', '--waves', '60%', 'rest',
        '--rejected-at-most', '1%', '--converged-at-least', '97%', '--confirm-all', '--save');
    twinhub('rollout', 'start', '--name', site);
    await reaches(site, 'held');
    const told = [];
    for (const device of devices)
        if ((await desiredOf(device)).firmware === '3') told.push(device);
    assert.equal(told.length, 6);
    const rejected = twinhub('rollout', 'devices', '--name', site, '--state', 'rejected',
        '--output', 'tsv').trim().split('\n');
    assert.ok(rejected.length >= 1 && rejected.length <= 5);
    assert.match(twinhub('rollout', 'status', '--name', site), /rejected [0-9.]+% \(<= 1%\) NOT YET/);
    assert.match(twinhubFails('rollout', 'resume', '--name', site, '--reason', 'on with it'), /confirm/);
    assert.match(twinhubFails('rollout', 'pause', '--name', site), /is held/);
    twinhub('rollout', 'rollback', '--name', site, '--reason', 'the firmware is bad');
    await reaches(site, 'rolledBack');
    assert.deepEqual(await Promise.all(devices.map(desiredOf)), before);
    twinhub('rollout', 'list', '--output', 'table');
});

test('what would hit everything by mistake, or holds a secret, is refused', async () => {
    const plan = body => rest.post('/rollouts/plan', {
        name: 'all', target: '*', patch: { tags: { x: 1 } }, waves: [{ rest: true }], ...body,
    });
    for (const [body, where] of [
        [{}, 'confirmAll'], [{ target: 'tags.' }, 'target'], [{ waves: [] }, 'waves'],
        [{ target: 'tags.a = 1', waves: [{ toPercent: 20 }, { toPercent: 10 }] }, 'waves[1]'],
        [{ target: 'tags.a = 1', gates: { convergedAtMost: 1 } }, 'convergedAtMost'],
        [{ target: 'tags.a = 1', window: { times: [
            { from: '10:00', to: '12:00' }, { from: '11:00', to: '13:00' }] } }, 'overlap'],
    ]) {
        const answer = await plan(body);
        assert.equal(answer.status, 400, JSON.stringify(body));
        assert.ok(answer.text.includes(where), answer.text);
    }
    assert.equal((await rest.put('/rollouts/all', { plan: 'x.y' })).status, 400);
    assert.equal((await rest.get('/rollouts/nothing')).status, 404);
    assert.equal((await rest.post('/rollouts/nothing/start', {})).status, 404);
});
