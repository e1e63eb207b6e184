import assert from 'node:assert/strict';
import { get } from 'node:http';
import { parseArgs } from 'node:util';
import { Checks } from '../end_to_end/lib/checks.js';
import { Hub } from '../end_to_end/lib/hub.js';
import { Random } from '../end_to_end/lib/random.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { randomKey } from '../end_to_end/lib/sas.js';
import { until, withDeadline } from '../end_to_end/lib/wait.js';
import { readFileSync } from 'node:fs';
import * as load from './load.js';

const { values: options } = parseArgs({ options: {
    seconds: { type: 'string', default: '8' },
    devices: { type: 'string', default: '16' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
} });
console.log(`seed ${options.seed}`);
const source = new Random(Number(options.seed));
const random = () => source.next();

const checks = new Checks();

const report = /^.*(ERROR: AddressSanitizer|WARNING: ThreadSanitizer|ERROR: LeakSanitizer|runtime error:)[^]{0,6000}/m;
const wholeLog = (hub) => readFileSync(hub.logFile, 'utf8');

function metric(hub, name) {
    return new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port: hub.metricsPort, path: '/metrics', agent: false }, (answer) => {
            let body = '';
            answer.on('data', (data) => { body += data; });
            answer.on('end', () => resolve(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1])));
        }).on('error', reject);
    });
}

const hub = await Hub.startAnywhere({ arguments: ['--listen-addresses', '127.0.0.1', '--loops', '3'] });
const rest = new Rest(hub);
const ids = Array.from({ length: Number(options.devices) }, (_, i) => `d${i}`);
const key = randomKey();
for (const id of [...ids, 'steady'])
    assert.equal((await rest.put(`/devices/${id}`, { deviceId: id, authentication: {
        symmetricKey: { primaryKey: key, secondaryKey: key } } })).status, 200);

function begin(confirmed) {
    const during = { on: true, counts: {}, surprises: [], open: new Set(), confirmed };
    during.everybody = Promise.all([
        ...[...ids, ...ids].map((id) => load.device(hub, during, id, key, random)),
        load.service(rest, during, ids, random), load.service(rest, during, ids, random),
        load.registrar(rest, during, ids, key, random),
        load.vanisher(hub, during, random), load.vanisher(hub, during, random),
        load.operator(hub, during), load.counter(rest, during, 'steady')]);
    return during;
}
async function end(during) {
    during.on = false;
    for (const client of during.open) client.destroy();
    await withDeadline(during.everybody, 'the crowd to go', 60_000);
    console.log(JSON.stringify(during.counts));
    assert.deepEqual(during.surprises.slice(0, 5), []);
    for (const what of ['connected', 'twin requests', 'patches', 'deletes', 'disables', 'vanished', 'reloads', 'counted'])
        assert.ok(during.counts[what] > 0, `nothing of this happened: ${what}`);
}
const time = () => new Promise((done) => setTimeout(done, Number(options.seconds) * 1000));

let during = begin(0);
try {
    await checks.check('the hub serves a crowd that comes and goes', async () => {
        await time();
        await end(during);
    });
    await checks.check('all connections of those who left are accounted for', async () => {
        rest.close();
        for (const name of ['connections_open', 'mqtt_connections', 'twin_devices_connected'])
            await until(async () => await metric(hub, name) === 0, `${name} to be 0`);
    });
    during = begin(during.confirmed);
    await checks.check('the hub ends in order in the middle of it', async () => {
        await time();
        const ended = hub.stop();
        during.on = false;
        await ended;
        await end(during);
    });
    rest.close();
    await checks.check('what was confirmed is there after a new start', async () => {
        await hub.start();
        const again = new Rest(hub);
        const { json } = await again.get('/twins/steady');
        again.close();
        assert.ok(json.properties.desired.next >= during.confirmed,
                  `${json.properties.desired.next} < ${during.confirmed}`);
        await hub.stop();
    });
    await checks.check('no sanitizer had anything to report', () => {
        const found = report.exec(wholeLog(hub));
        assert.equal(found, null, found?.[0]);
    });
    if (checks.failed === 0) hub.remove();
    else console.log(`the hub's log ends:\n${hub.log()}\ndata folder: ${hub.dataFolder}`);
} catch (error) {
    checks.broken(error);
} finally {
    hub.process.kill('SIGKILL');
}
process.exit(checks.end());
