// Kills the hub under load, again and again, and looks at what is left.
import { parseArgs } from 'node:util';
import { Hub } from '../end_to_end/lib/hub.js';
import { Random } from '../end_to_end/lib/random.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { check } from './check.js';
import { Load } from './load.js';
import { Desired, Messages, Registry, Reported } from './model.js';

const { values: options } = parseArgs({ options: {
    rounds: { type: 'string', default: '20' },
    devices: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    keep: { type: 'boolean', default: false }, // leave the data folder behind
} });
const rounds = Number(options.rounds);
const random = new Random(Number(options.seed));
console.log(`seed ${options.seed}`);

async function createDevices(hub, count) {
    const rest = new Rest(hub);
    const devices = [];
    for (let i = 0; i < count; i++) {
        const deviceId = `steady-${i}`;
        const { json } = await rest.put(`/devices/${deviceId}`, { deviceId });
        devices.push({ deviceId, key: json.authentication.symmetricKey.primaryKey, counter: 0,
                       etag: 'c3RhbGU=', reported: new Reported(), desired: new Desired(),
                       messages: new Messages() });
    }
    rest.close();
    return devices;
}

async function round(hub, devices, registry) {
    const load = new Load(hub, random, devices, registry);
    await load.start();
    await new Promise((done) => setTimeout(done, random.between(50, 1200)));
    const killed = hub.kill();
    await load.end();
    await killed;
    // Now and then the hub dies once more, while it recovers.
    if (random.chance(0.25)) {
        hub.spawn();
        await new Promise((done) => setTimeout(done, random.between(0, 300)));
        await hub.kill();
    }
    await hub.start();
    if (load.findings.length > 0) throw load.findings[0];
    await check(hub, devices, registry);
    return load.counts;
}

let [passed, failed] = [0, 0];
const totals = {};
let hub;
try {
    hub = await Hub.startAnywhere();
    const devices = await createDevices(hub, Number(options.devices));
    const registry = new Registry();
    for (let number = 1; number <= rounds && failed === 0; number++) {
        try {
            const counts = await round(hub, devices, registry);
            console.log(`round ${number}: ${Object.entries(counts).map(([k, n]) => `${n} ${k}`).join(', ')}`);
            for (const [kind, count] of Object.entries(counts))
                totals[kind] = (totals[kind] ?? 0) + count;
            passed += 1;
        } catch (error) {
            // The model no longer knows the truth, so the rounds end here.
            console.error(`round ${number}:`, error);
            failed += 1;
        }
    }
    if (failed === 0) {
        await hub.stop();
        await hub.start();
        await check(hub, devices, registry);
        await hub.stop();
        const idle = Object.keys(totals).filter((kind) => totals[kind] === 0);
        if (idle.length > 0) throw new Error(`the load had no ${idle.join(', ')}: nothing was proved`);
        passed += 1;
        console.log('orderly stop: everything is there');
    }
    if (failed > 0) console.error(`seed ${options.seed}; the hub's log ends:\n${hub.log()}`);
} catch (error) {
    console.error(error);
    failed += 1;
} finally {
    if (hub && hub.process.exitCode === null && hub.process.signalCode === null) await hub.kill();
    if (hub && !options.keep && failed === 0) hub.remove();
    else if (hub) console.error(`data folder: ${hub.dataFolder}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
