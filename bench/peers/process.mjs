// Processes, ports and folders of the benchmarks. Everything that is started here is stopped here,
// by its own id, also when the run is interrupted.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const running = new Set();
const folders = new Set();

export const sleep = milliseconds => new Promise(done => setTimeout(done, milliseconds));

export function makeFolder(name) {
    const folder = mkdtempSync(path.join(process.env.TWINHUB_BENCH_FOLDER ?? tmpdir(), `twinhub-bench-${name}-`));
    chmodSync(folder, 0o755);   // PostgreSQL runs as another user
    folders.add(folder);
    return folder;
}

export function removeFolder(folder) {
    rmSync(folder, { recursive: true, force: true });
    folders.delete(folder);
}

// Starts a server that stays until stop(). Its last output is kept for when it fails.
export function start(command, args, options = {}) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    child.text = '';
    const keep = chunk => { child.text = (child.text + chunk).slice(-4000); };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.ended = new Promise(done => child.on('close', code => { running.delete(child); done(code); }));
    child.on('error', error => keep(String(error)));
    running.add(child);
    return child;
}

export async function stop(child, signal = 'SIGTERM') {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const stubborn = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await child.ended;
    clearTimeout(stubborn);
}

// Runs a program to its end and gives its standard output.
export function run(command, args, options = {}) {
    return execFileSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

// The same without blocking, so that the output of servers is still read meanwhile.
// `accepts`: exit codes that are no failure.
export async function runAsync(command, args, { accepts = [0], ...options } = {}) {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.add(child);
    let out = '';
    let err = '';
    child.stdout.on('data', chunk => { out += chunk; });
    child.stderr.on('data', chunk => { err += chunk; });
    const code = await new Promise((done, fail) => { child.on('close', done); child.on('error', fail); });
    running.delete(child);
    if (!accepts.includes(code)) throw new Error(`${path.basename(command)} ended with ${code}: ${err}${out}`);
    return out;
}

export async function waitUntil(condition, seconds, what, child) {
    const end = Date.now() + seconds * 1000;
    while (Date.now() < end) {
        if (child && child.exitCode !== null) throw new Error(`${what}: it ended\n${child.text}`);
        try {
            if (await condition()) return;
        } catch { /* not yet */ }
        await sleep(20);
    }
    throw new Error(`${what}: not within ${seconds} s\n${child?.text ?? ''}`);
}

export function freePort() {
    return new Promise((done, fail) => {
        const server = createServer();
        server.on('error', fail);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => done(port));
        });
    });
}

export const children = pid => {
    const found = [];
    try {
        for (const task of readdirSync(`/proc/${pid}/task`))
            found.push(...readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
    } catch { /* gone */ }
    return found;
};

// CPU seconds of processes with their descendants, living or waited for.
export function cpuSeconds(...pids) {
    let ticks = 0;
    const add = pid => {
        try {
            const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
            const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
            for (const field of [11, 12, 13, 14]) ticks += Number(fields[field]);
        } catch { return; }
        children(pid).forEach(add);
    };
    pids.forEach(add);
    return ticks / 100;
}

export const residentBytes = pid =>
    1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);

export const diskBytes = folder => 1024 * Number(run('du', ['-sk', folder]).split('\t')[0]);

export const has = command => {
    try { run('sh', ['-c', `command -v ${command}`]); return true; } catch { return false; }
};

async function cleanUp() {
    for (const child of running) child.kill('SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}
process.on('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
