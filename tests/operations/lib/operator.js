// What an operator has: the program, its answers, and hubs in folders of their own.
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary, Hub } from '../../end_to_end/lib/hub.js';
import { Rest } from '../../end_to_end/lib/rest.js';
import { until, withDeadline } from '../../end_to_end/lib/wait.js';

const command_milliseconds = 60_000;

// Runs the program to its end. `env` is added to the environment.
export async function twinhub(words, { env = {}, cwd } = {}) {
    const child = spawn(binary(), words.map(String), {
        cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    const code = await withDeadline(
        new Promise((done) => child.once('close', (number, signal) => done(number ?? signal))),
        `twinhub ${words.join(' ')}`, command_milliseconds)
        .catch((error) => { child.kill('SIGKILL'); throw error; });
    return { code, out, err, get json() { return JSON.parse(out); } };
}

// Runs `end` after the test, the last one first: a hub ends before its folder does.
const ends = new WeakMap();
export function later(t, end) {
    if (!ends.has(t)) {
        ends.set(t, []);
        t.after(async () => { for (const run of ends.get(t).reverse()) await run(); });
    }
    ends.get(t).push(end);
}

// A folder that ends with the test.
export function newFolder(t) {
    const folder = Hub.newFolder();
    later(t, () => new Hub(folder).remove());
    return folder;
}

// A hub on ports of its own that ends with the test. Options as those of Hub; `settings` is the
// text of twinhub.yaml in its data folder, where the commands find it too.
export async function newHub(t, { settings = '', folder = newFolder(t), wait = true, ...options } = {}) {
    const hub = new Hub(folder, options);
    mkdirSync(hub.dataFolder, { recursive: true, mode: 0o700 });
    writeFileSync(join(hub.dataFolder, 'twinhub.yaml'), settings);
    later(t, async () => { if (isRunning(hub)) await hub.kill(); });
    if (wait) await hub.start();
    else hub.spawn();
    // Commands for this hub, with `--data` of its folder.
    hub.run = (...words) => twinhub(words, { env: { TWINHUB_DATA: hub.dataFolder } });
    hub.text = () => readFileSync(hub.logFile, 'utf8');
    return hub;
}

export const isRunning = (hub) =>
    hub.process && hub.process.exitCode === null && hub.process.signalCode === null;

// A start that must fail: its exit code and all that it wrote.
export async function refusedStart(hub) {
    const before = logLength(hub);
    hub.spawn();
    const { code } = await withDeadline(hub.exited, 'the start to be refused', command_milliseconds)
        .catch(async (error) => { await hub.kill(); throw error; });
    return { code, text: readFileSync(hub.logFile, 'utf8').slice(before) };
}

function logLength(hub) {
    try { return readFileSync(hub.logFile, 'utf8').length; } catch { return 0; }
}

// Sends SIGHUP and returns the event that tells how it went.
export async function reload(hub) {
    const before = hub.text().length;
    hub.process.kill('SIGHUP');
    return until(() => /server\.reload(ed|_refused.*)/.exec(hub.text().slice(before))?.[0],
                 'the hub to tell of the reload');
}

// One request as the owner, on a connection of its own. Gives the whole answer.
export async function ask(hub, method, path, options, connectionString) {
    const rest = new Rest(hub, connectionString);
    try { return await rest.send(method, path, options); } finally { rest.close(); }
}

export async function newDevice(hub, deviceId) {
    const answer = await ask(hub, 'PUT', `/devices/${deviceId}`, { body: { deviceId } });
    if (answer.status !== 200) throw new Error(answer.text);
    return { deviceId, key: answer.json.authentication.symmetricKey.primaryKey };
}

export async function metrics(hub) {
    const answer = await fetch(`http://127.0.0.1:${hub.metricsPort}/metrics`);
    return answer.text();
}

// The value of one sample, such as twin_devices_connected.
export async function metric(hub, name) {
    const line = (await metrics(hub)).split('\n').find((text) => text.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

export function copyPair(from, to) {
    copyFileSync(from.file, `${to}.pem`);
    writeFileSync(`${to}.key`, from.key, { mode: 0o600 });
}
