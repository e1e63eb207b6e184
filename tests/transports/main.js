import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Checks } from '../end_to_end/lib/checks.js';
import { Hub } from '../end_to_end/lib/hub.js';
import { Random } from '../end_to_end/lib/random.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { randomKey } from '../end_to_end/lib/sas.js';
import { withDeadline } from '../end_to_end/lib/wait.js';
import { Device } from './device.js';
import * as lines from './lines.js';

const { values: options } = parseArgs({ options: {
    seconds: { type: 'string', default: '15' },
    devices: { type: 'string', default: '12' },
    kills: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    transports: { type: 'string' },
} });
const seed = Number(options.seed);
console.log(`seed ${seed}`);
const random = new Random(seed);
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const transports = options.transports?.split(',') ?? lines.transports;
const hub = await Hub.startAnywhere({ arguments: ['--listen-addresses', '127.0.0.1', '--loops', '3'] });
const rest = new Rest(hub);
const key = randomKey();
const counts = {};
const faults = [];
const count = (what) => { counts[what] = (counts[what] ?? 0) + 1; };
const devices = [];
for (let i = 0; i < Number(options.devices); ++i) {
    const identity = { deviceId: `d${i}`, key };
    const answer = await rest.put(`/devices/d${i}`, { deviceId: identity.deviceId, authentication: {
        symmetricKey: { primaryKey: key, secondaryKey: key } } });
    assert.equal(answer.status, 200);
    devices.push(new Device(identity, {
        hub, transports, count, faults, random: new Random(seed + 1000 * (i + 1)) }));
}

// Changes the desired properties of one device, and remembers what was acknowledged.
async function write(during, device, source) {
    const path = `/twins/${device.identity.deviceId}`;
    for (let n = 0; during.on; ++n) {
        const desired = { n, [`key${source.between(0, 4)}`]: source.chance(0.3) ? null : n,
                          group: { [`part${source.between(0, 2)}`]: source.chance(0.3) ? null : n } };
        const answer = await rest.patch(path, { properties: { desired } }).catch(() => undefined);
        if (answer?.status === 200) {
            count('writes');
            device.acknowledged = Math.max(device.acknowledged,
                                           answer.json.properties.desired.$version);
        }
        await pause(source.between(0, 40));
    }
}

async function kill(during) {
    for (let i = 0; i < Number(options.kills); ++i) {
        await pause(Number(options.seconds) * 1000 * (i + random.next()) / Number(options.kills));
        if (!during.on) return;
        await hub.kill();
        await hub.start();
        count('kills');
    }
}

const checks = new Checks();
try {
    await checks.check('every device has the newest version, and none went back', async () => {
        const during = { on: true };
        const writing = { on: true };
        const everybody = [
            ...devices.map((device) => device.live(during)),
            ...devices.map((device, i) => write(writing, device, new Random(seed + i + 1)))];
        const killing = kill(during);
        await pause(Number(options.seconds) * 1000);
        await killing;
        writing.on = during.on = false;
        await withDeadline(Promise.all(everybody), 'everybody to end', 60_000)
            .finally(() => console.log(JSON.stringify(counts)));
        assert.deepEqual(faults.slice(0, 10), []);
        for (const device of devices) {
            const { desired } = (await rest.get(`/twins/${device.identity.deviceId}`)).json.properties;
            delete desired.$metadata;
            assert.deepEqual(device.observer.view, desired, device.identity.deviceId);
        }
    });
    await checks.check('all of it happened', () => {
        for (const what of ['writes', 'changes', 'reads', 'left', 'taken over', 'races',
                            ...(Number(options.kills) > 0 ? ['kills'] : []),
                            ...transports.map((transport) => `over ${transport}`)])
            assert.ok(counts[what] > 0, `nothing of this happened: ${what}`);
    });
    for (const device of devices) device.destroy();
    rest.close();
    await checks.check('the hub ends in order', () => hub.stop());
} catch (error) {
    checks.broken(error);
}
if (checks.failed > 0) console.log(`seed ${seed}; the hub's log ends:\n${hub.log()}`);
hub.remove();
process.exit(checks.end());
