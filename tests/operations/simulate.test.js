// The simulated fleet, alone and inside `serve --demo`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { binary } from '../end_to_end/lib/hub.js';
import { until, withDeadline } from '../end_to_end/lib/wait.js';
import { ask, metric, newHub, twinhub } from './lib/operator.js';

const patience_milliseconds = 60_000;

const twins = async (hub) =>
    (await ask(hub, 'POST', '/devices/query', { body: { query: 'select * from devices' } })).json;

function simulate(t, hub, ...words) {
    const child = spawn(binary(), ['simulate', ...words], {
        stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TWINHUB_DATA: hub.dataFolder } });
    t.after(() => child.kill('SIGKILL'));
    const fleet = { child, text: '' };
    for (const stream of [child.stdout, child.stderr])
        stream.on('data', (data) => { fleet.text += data; });
    fleet.exited = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
    return fleet;
}

test('simulate: devices connect, report, apply what is desired, and end on SIGINT', async (t) => {
    const hub = await newHub(t);
    const fleet = simulate(t, hub, '--devices', '10', '--delay', '200ms', '--offline-share', '0',
                           '--late-share', '0', '--refuse-share', '0');
    await until(async () => await metric(hub, 'twin_devices_connected') === 10,
                'ten connected devices', patience_milliseconds);
    const before = await until(async () => {
        const all = await twins(hub);
        return all.every((twin) => Object.keys(twin.properties.reported).length > 2) && all;
    }, 'a report of each', patience_milliseconds);
    assert.equal(before.length, 10);
    for (const twin of before) assert.ok(Object.keys(twin.tags).length > 0, 'tags');
    const [{ deviceId }] = before;
    const wish = await twinhub(['device-twin', 'update', '-d', deviceId, '--desired',
                                '{"setpoint":31.5}'], { env: { TWINHUB_DATA: hub.dataFolder } });
    assert.equal(wish.code, 0, wish.err);
    await until(async () => {
        const { properties: { reported } } = (await ask(hub, 'GET', `/twins/${deviceId}`)).json;
        const { $metadata, ...values } = reported;
        return JSON.stringify(values).includes('31.5');
    }, 'the device to do as it is told', patience_milliseconds);
    fleet.child.kill('SIGINT');
    assert.equal(await withDeadline(fleet.exited, 'the fleet to end', 30_000), 0, fleet.text);
    await until(async () => await metric(hub, 'twin_devices_connected') === 0, 'no connected device');
});

test('simulate says so when there is no hub', async (t) => {
    const hub = await newHub(t);
    await hub.stop();
    const answer = await twinhub(['simulate', '--devices', '2'],
                                 { env: { TWINHUB_DATA: hub.dataFolder } });
    assert.equal(answer.code, 1);
    assert.match(answer.err, /localhost/);
});

test('serve --demo runs a fleet, and every command that it prints works', async (t) => {
    const hub = await newHub(t, { arguments: ['--demo', '--demo-devices', '8'] });
    const printed = await until(() => {
        const lines = hub.text().split('\n').filter((line) => /^ {2}twinhub [a-z]/.test(line));
        return lines.length >= 5 && lines;
    }, 'what to try', patience_milliseconds);
    await until(async () => await metric(hub, 'twin_devices_connected') >= 6,
                'most of the fleet', patience_milliseconds);
    const folder = binary().replace(/\/[^/]+$/, '');
    for (const line of printed.filter((text) => !text.includes('device-events'))) {
        const shell = spawn('bash', ['-c', line], {
            stdio: ['ignore', 'pipe', 'pipe'],
            env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
        let text = '';
        for (const stream of [shell.stdout, shell.stderr])
            stream.on('data', (data) => { text += data; });
        const code = await new Promise((done) => shell.once('close', done));
        assert.equal(code, 0, `${line}: ${text}`);
        assert.match(text, /greenhouse/, line);
    }
    await until(async () => (await twins(hub)).some(({ properties: { reported } }) =>
        reported.firmware?.ac === 200 && reported.firmware?.value === '2.0.0'),
        'the new firmware to be reported', 150_000);
    await hub.stop();
});
