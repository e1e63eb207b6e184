// Story 1: greenhouses. New firmware zone by zone as a rollout; who failed gets a ticket, who was
// merely offline does not.
import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Rest } from '../end_to_end/lib/rest.js';
import { Inbox, until } from '../end_to_end/lib/wait.js';
import { authority, serverCertificate } from '../end_to_end/lib/x509.js';
import { accepts, newFleet } from './lib/fleet.js';
import { later, newFolder, newHub } from './lib/operator.js';

const sensors = 150;
const [offline, refusing, silent] = [7, 60, 120];

// Where tickets arrive: one HTTPS endpoint of the grower.
async function newDesk(t, folder) {
    const ca = authority(folder, 'desk-authority');
    const { certificate, key } = serverCertificate(ca, folder, 'localhost');
    const desk = { ca: ca.file, tickets: new Map(), received: 0 };
    const server = createServer({ cert: certificate, key }, (request, answer) => {
        const pieces = [];
        request.on('data', (piece) => pieces.push(piece));
        request.on('end', () => {
            for (const event of [JSON.parse(Buffer.concat(pieces))].flat()) {
                desk.received += 1;
                desk.tickets.set(event.id, event);
            }
            answer.writeHead(200).end();
        });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    desk.port = server.address().port;
    later(t, () => { server.closeAllConnections(); server.close(); });
    return desk;
}

const answerOf = (i) => {
    if (i === silent) return () => undefined;
    if (i === refusing)
        return (name, value) => ({ value: '1.4.0', ac: 409, ad: 'not enough flash for ' + value });
    return accepts;
};

test('firmware goes out zone by zone, and only what failed gets a ticket', async (t) => {
    const folder = newFolder(t);
    const desk = await newDesk(t, folder);
    const secretFile = join(folder, 'desk.secret');
    writeFileSync(secretFile, 'a secret of more than sixteen bytes\n', { mode: 0o600 });
    const hub = await newHub(t, { folder, settings:
        `outgoing:\n  ca_file: ${desk.ca}\n`
        + 'drift:\n  pending_timeout: 4s\n'
        + 'sinks:\n  - kind: webhook\n    name: desk\n    delay: 0s\n'
        + `    url: https://localhost:${desk.port}/tickets\n    secret_file: ${secretFile}\n`
        + 'routes:\n  - name: tickets\n    sources: [RolloutEvents]\n'
        + "    condition: opType = 'rolloutDeviceFailed'\n    sink: desk\n" });
    const rest = new Rest(hub);
    later(t, () => rest.close());
    await newFleet(t, hub, sensors, (i) => ({
        id: `sensor-${i}`,
        tags: { site: i % 2 ? 'east' : 'west', zone: `z${Math.floor(i / 50)}` },
        reported: { firmware: { value: `1.${i % 4}.0`, ac: 203, av: 0 }, battery: 60 + i % 40 },
        online: i !== offline, answer: answerOf(i) }));

    for (const zone of ['z0', 'z1', 'z2']) {
        const { json: plan, text } = await rest.post('/rollouts/plan', {
            name: `firmware-${zone}`, target: `tags.zone = '${zone}'`,
            patch: { properties: { desired: { firmware: '2.0.0', mode: 'eco' } } },
            waves: [{ toPercent: 20 }, { rest: true }],
            gates: { convergedAtLeast: 0.9, rejectedAtMost: 0.2, offlineAllowance: 0.2,
                     settled: true, timeout: 'PT1M' } });
        assert.equal(plan?.devices, 50, text);
        const put = await rest.put(`/rollouts/firmware-${zone}`, { plan: plan.plan });
        assert.equal(put.status, 200, put.text);
        const started = await rest.post(`/rollouts/firmware-${zone}/start`, { reason: 'season' });
        assert.equal(started.status, 200, started.text);
        await until(async () => (await rest.get(`/rollouts/firmware-${zone}`)).json.state === 'completed',
                    `${zone} to be done`, 90_000);
    }

    const { json: summary } = await rest.get('/fleet/summary');
    assert.equal(summary.states.converged, sensors - 3);
    assert.ok(summary.states.converged / summary.devices >= 0.98);
    // The same, counted over the documents.
    const counted = await hub.run('query', '-q',
        "SELECT COUNT() AS n FROM devices WHERE properties.reported.firmware.value = '2.0.0'");
    assert.equal(counted.json[0].n, sensors - 3);
    const left = async () => {
        const listed = await hub.run('query', '-q',
            'SELECT deviceId, $drift.state AS state, tags.site AS site, tags.zone AS zone FROM devices '
            + "WHERE $drift.state != 'converged' ORDER BY deviceId");
        return Object.fromEntries(listed.json.map(({ deviceId, ...what }) => [deviceId, what]));
    };
    // Queries see within two seconds that somebody has been silent for too long.
    await until(async () => (await left())[`sensor-${silent}`].state === 'stale', 'the silent one');
    assert.deepEqual(await left(), {
        [`sensor-${silent}`]: { state: 'stale', site: 'west', zone: 'z2' },
        [`sensor-${refusing}`]: { state: 'rejected', site: 'west', zone: 'z1' },
        [`sensor-${offline}`]: { state: 'offline', site: 'east', zone: 'z0' },
    });

    await until(() => desk.tickets.size === 2, 'the tickets', 30_000);
    const tickets = [...desk.tickets.values()].map(({ data }) => data.body);
    const ticket = (i) => tickets.find(({ deviceId }) => deviceId === `sensor-${i}`);
    assert.equal(ticket(refusing).rollout, 'firmware-z1');
    const property = (i) => ticket(i).properties.find(({ path }) => path === 'firmware');
    assert.deepEqual([property(refusing).state, property(refusing).desired, property(refusing).reported,
                      property(refusing).words],
                     ['rejected', '2.0.0', '1.4.0', 'not enough flash for 2.0.0']);
    assert.ok(Date.parse(property(refusing).desiredAt) <= Date.parse(ticket(refusing).at));
    assert.deepEqual([property(silent).state, property(silent).desired], ['stale', '2.0.0']);
    assert.equal(desk.received, 2);
});
