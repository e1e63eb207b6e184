// How far devices are from what is desired of them (specification: twin-document 15, docs/drift.md).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, newDevice, patchTwin, report, rest, transports, twinOf,
} from './lib/fixture.js';
import { twinhub } from './lib/operator.js';
import { until } from './lib/wait.js';

const driftOf = async ({ deviceId }) => (await rest.get(`/twins/${deviceId}/drift`)).json;
const desire = ({ deviceId }, desired) => patchTwin(deviceId, { properties: { desired } });
const reaches = (device, state) =>
    until(async () => (await driftOf(device)).state === state, `${device.deviceId} ${state}`);

for (const [name, transport] of transports) {
    test(`a machine is offline, then pending, then refuses, then converges, over ${name}`, async (t) => {
        const device = await newDevice(t);
        assert.equal((await driftOf(device)).state, 'untracked');
        await desire(device, { threshold: 7 });
        let drift = await driftOf(device);
        assert.equal(drift.state, 'offline');
        assert.equal(drift.connection.state, 'Disconnected');
        assert.equal(drift.properties[0].reason, 'unreported');

        const client = await connect(t, device, { transport });
        const twin = await twinOf(client);
        await reaches(device, 'pending');

        await report(twin, { threshold: { value: 5, ac: 400, av: 2, ad: 'beyond my range' } });
        drift = await driftOf(device);
        assert.equal(drift.state, 'rejected');
        const [property] = drift.properties;
        assert.deepEqual([property.desired, property.reported, property.code, property.words],
                         [7, 5, 400, 'beyond my range']);
        assert.equal(property.by.kind, 'rest');
        assert.match(twinhub('drift', 'explain', '--device-id', device.deviceId),
                     /threshold {2}rejected[^]*refused, code 400: "beyond my range"[^]*desired {5}7/);

        await desire(device, { threshold: 6 });
        assert.equal((await driftOf(device)).state, 'pending');
        await report(twin, { threshold: { value: 6, ac: 200, av: 3 } });
        drift = await driftOf(device);
        assert.equal(drift.state, 'converged');
        await client.close();
        await until(async () => (await driftOf(device)).connection.state === 'Disconnected', 'the end');
        const after = await driftOf(device);
        assert.deepEqual([after.state, after.since], ['converged', drift.since]);
    });
}

test('queries, counters and documents agree about a fleet', async (t) => {
    const site = `site-${process.pid}`;
    const devices = await Promise.all(Array.from({ length: 6 }, () => newDevice(t)));
    for (const device of devices)
        await patchTwin(device.deviceId, { tags: { site }, properties: { desired: { mode: 'eco' } } });
    for (const [i, device] of devices.slice(0, 4).entries()) {
        const twin = await twinOf(await connect(t, device));
        await report(twin, { hw: i < 2 ? 'S2' : 'S3', mode: i < 2 ? 'full' : 'eco' });
    }
    const where = `tags.site = '${site}'`;
    const { json: summary } = await rest.get(`/fleet/summary?where=${encodeURIComponent(where)}`);
    assert.deepEqual([summary.devices, summary.states.converged, summary.states.drifted,
                      summary.states.offline], [6, 2, 2, 2]);
    const states = {};
    for (const device of devices) {
        const { state } = await driftOf(device);
        states[state] = (states[state] ?? 0) + 1;
    }
    assert.deepEqual(states, { converged: 2, drifted: 2, offline: 2 });
    const { json: why } =
        await rest.post('/drift/why', { where: `${where} AND $drift.state = 'drifted'` });
    assert.equal(why.set, 2);
    assert.ok(why.factors.some(({ path, value }) => path === 'properties.reported.hw' && value === 'S2'));
    const listed = twinhub('drift', 'list', '--where', where, '--output', 'tsv');
    assert.equal(listed.trim().split('\n').length, 2);
});
