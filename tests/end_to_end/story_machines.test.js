// Story 3: construction machines with a radio that comes and goes. Offline is not failed, and an
// auditor can prove who set what.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, newDevice, newId, patchTwin, report, rest, twinOf, watchDesired } from './lib/fixture.js';
import { explain, twinhub, twinhubFails } from './lib/operator.js';
import { until } from './lib/wait.js';

// A machine on its radio: applies the newest threshold once, and says what it did.
async function comesOnline(t, machine, { refuses = () => false } = {}) {
    const client = await connect(t, machine);
    const twin = await twinOf(client);
    const applied = [];
    const apply = async (pressure, version) => {
        if (pressure === undefined || applied.at(-1)?.pressure === pressure) return;
        applied.push({ pressure, version });
        await report(twin, { thresholds: { pressure: refuses(pressure)
            ? { value: 180, ac: 422, av: version, ad: 'above the rating of pump B' }
            : { value: pressure, ac: 200, av: version } } });
    };
    const inbox = await watchDesired(twin);
    await apply(twin.properties.desired.thresholds?.pressure, twin.properties.desired.$version);
    return { client, applied, inbox, apply,
             follow: async () => {
                 const patch = await inbox.take();
                 await apply(patch.thresholds?.pressure, patch.$version);
             } };
}

const setPressure = (machine, pressure) =>
    patchTwin(machine.deviceId, { properties: { desired: { thresholds: { pressure } } } });

test('support tells offline, pending, refused and converged apart with one command', async (t) => {
    const machines = {};
    for (const name of ['offline', 'pending', 'refusing', 'converging'])
        machines[name] = await newDevice(t, { deviceId: newId(name) });

    // All have been on site with 180 bar; then one loses its radio.
    for (const machine of Object.values(machines)) await setPressure(machine, 180);
    const before = await comesOnline(t, machines.offline);
    await before.client.close();
    await until(async () => /not connected/.test(explain(machines.offline.deviceId)), 'the radio is gone');

    const pending = await connect(t, machines.pending);
    const refusing = await comesOnline(t, machines.refusing, { refuses: (bar) => bar > 200 });
    const converging = await comesOnline(t, machines.converging);
    for (const machine of Object.values(machines)) await setPressure(machine, 220);
    await Promise.all([refusing.follow(), converging.follow()]);

    assert.match(explain(machines.offline.deviceId),
                 /offline[^]*not connected[^]*reported +180[^]*desired +220/);
    assert.match(explain(machines.pending.deviceId), /pending[^]*connected since[^]*desired +220/);
    assert.match(explain(machines.refusing.deviceId),
                 /rejected[^]*code 422: "above the rating of pump B"[^]*reported +180[^]*desired +220/);
    assert.match(explain(machines.converging.deviceId), /converged/);
    await pending.close();
});

test('a machine that comes back applies the newest threshold once, and history has its answer', async (t) => {
    const machine = await newDevice(t, { deviceId: newId('excavator') });
    await setPressure(machine, 180);
    const first = await comesOnline(t, machine);
    assert.deepEqual(first.applied.map(({ pressure }) => pressure), [180]);
    await first.client.close();

    for (const pressure of [190, 200, 210]) await setPressure(machine, pressure);
    const back = await comesOnline(t, machine);
    assert.deepEqual(back.applied, [{ pressure: 210, version: 5 }]);
    await setPressure(machine, 215);
    await back.follow();
    assert.deepEqual(back.applied.map(({ pressure }) => pressure), [210, 215]);

    const { json: page } = await rest.get(`/twins/${machine.deviceId}/history?part=reported`);
    const answers = page.changes.map(({ at, leaves }) => {
        const leaf = (name) => leaves.find(({ path }) => path === `thresholds.pressure.${name}`)?.after;
        return { at, value: leaf('value'), av: leaf('av') };
    }).reverse();
    assert.deepEqual(answers.map(({ value, av }) => [value, av]), [[180, 2], [210, 5], [215, 6]]);
    assert.ok(answers.every(({ at }, i) => i === 0 || at > answers[i - 1].at));
});

test('an auditor exports who set a threshold and where it took effect, and sees any alteration', async (t) => {
    const site = newId('site');
    const [a, b] = [await newDevice(t), await newDevice(t)];
    for (const machine of [a, b]) await patchTwin(machine.deviceId, { tags: { site } });
    const online = await comesOnline(t, a);
    await setPressure(a, 180);
    await setPressure(b, 180);
    await online.follow();

    const folder = mkdtempSync(join(tmpdir(), 'twinhub-audit-'));
    const [file, key] = [join(folder, 'pressure.ndjson'), join(folder, 'hub.pub')];
    writeFileSync(key, twinhub('ledger', 'key'));
    twinhub('ledger', 'export', '--path', 'thresholds.pressure', '--where', `tags.site = '${site}'`,
            '--file', file);
    const lines = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual([lines[0].twins, lines[0].entries, lines[0].incomplete], [2, 2, 0]);
    const entry = (machine) => lines.find(({ deviceId }) => deviceId === machine.deviceId);
    assert.deepEqual([entry(a).after, entry(a).state, entry(a).by.principal, entry(a).code],
                     [180, 'converged', 'iothubowner', 200]);
    assert.ok(entry(a).effective >= entry(a).at);
    assert.deepEqual([entry(b).state, entry(b).effective], ['pending', undefined]);

    assert.match(twinhub('ledger', 'verify', '--file', file, '--key-file', key), /is as the hub made it/);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"after":180', '"after":160'));
    assert.match(twinhubFails('ledger', 'verify', '--file', file, '--key-file', key),
                 /not those that were sealed/);
});
