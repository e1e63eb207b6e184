// PostgreSQL 15 in a cluster of its own, durable (fsync and synchronous_commit on), with the twins
// in one table and the RFC 7396 merge-patch in plpgsql.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { children, cpuSeconds, freePort, makeFolder, removeFolder, run, runAsync, start, stop, waitUntil } from './process.mjs';
import { loadBinary } from './load.mjs';

const binaries = process.env.PG_BINARIES ?? '/usr/lib/postgresql/15/bin';
const user = 'postgres';
const asRoot = process.getuid() === 0;
// setpriv becomes the program; runuser would stay in between and leave it behind when killed.
const asUser = (command, args) =>
    asRoot ? ['setpriv', ['--reuid', user, '--regid', user, '--init-groups', command, ...args]] : [command, args];
const here = import.meta.dirname;

// Larger buffers and a longer log than the defaults: what someone who cares would set.
const settings = {
    fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', wal_level: 'minimal', max_wal_senders: '0',
    shared_buffers: '1GB', max_wal_size: '4GB', checkpoint_timeout: '15min', max_connections: '200', autovacuum: 'on',
};

export async function startPostgres() {
    const folder = makeFolder('postgresql');
    const data = path.join(folder, 'data');
    mkdirSync(data, { mode: 0o700 });
    if (asRoot) run('chown', ['-R', user, folder]);
    run(...asUser(path.join(binaries, 'initdb'), ['-D', data, '-U', user, '-A', 'trust', '--locale=C', '-E', 'UTF8']));
    const port = await freePort();
    const args = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`];
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);

    const connection = ['-h', folder, '-p', String(port), '-U', user, '-d', 'postgres'];
    const sql = text => run('psql', [...connection, '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', text]).trim();
    const cluster = {
        folder, port, user, database: 'postgres', child: null, pids: [], connection, sql,
        boot: async (ready = 'select 1') => {
            cluster.child = start(...asUser(path.join(binaries, 'postgres'), args));
            cluster.pids = [cluster.child.pid];
            await waitUntil(() => sql(ready) !== '', 300, 'postgresql', cluster.child);
        },
        // The postmaster and all its processes at once, as when the power fails them.
        kill: async () => {
            const postmaster = Number(readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
            for (const pid of [postmaster, ...children(postmaster)]) {
                try { process.kill(pid, 'SIGKILL'); } catch { /* ended on its own */ }
            }
            await cluster.child.ended;
        },
        stop: async () => {
            const postmaster = Number(readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
            process.kill(postmaster, 'SIGINT');   // fast shutdown
            await cluster.child.ended;
            removeFolder(folder);
        },
    };
    await cluster.boot();
    run('psql', [...connection, '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', path.join(here, 'twins.sql')]);
    return cluster;
}

// The same twins that `twinhub_load prepare --twins` makes.
export async function loadTwins(cluster, count) {
    const began = Date.now();
    const twins = spawn(loadBinary(), ['print-twins', '--devices', String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const copy = spawn('psql', [...cluster.connection, '-Xq', '-v', 'ON_ERROR_STOP=1', '-c',
        'copy twins (id, tags, desired, reported) from stdin'], { stdio: [twins.stdout, 'inherit', 'inherit'] });
    const code = await new Promise(done => copy.on('close', done));
    if (code !== 0) throw new Error('copy failed');
    cluster.sql('alter table twins add primary key (id)');
    cluster.sql('vacuum analyze twins');
    cluster.sql('checkpoint');
    return (Date.now() - began) / 1000;
}

// pgbench with one of the scripts beside this file (or another, by its full path), as fast as it can or at `rate` a second: { perSecond, latencyMs, serverCpuUs, transactions }.
export async function pgbench(cluster, { script, clients, count, seconds, transactions, rate }) {
    const before = cpuSeconds(...cluster.pids);
    const length = transactions ? ['-t', String(Math.ceil(transactions / clients))] : ['-T', String(seconds)];
    const out = await runAsync('pgbench', ['-h', cluster.folder, '-p', String(cluster.port), '-U', user, '-n', '-M', 'prepared',
        '-c', String(clients), '-j', String(Math.min(clients, 2)), ...length, ...rate ? ['-R', String(rate)] : [], '-D', `count=${count}`,
        '-f', path.resolve(here, script), 'postgres']);
    const number = pattern => Number(pattern.exec(out)?.[1] ?? NaN);
    const done = number(/actually processed: (\d+)/);
    return {
        per_second: number(/^tps = ([\d.]+)/m), latency_ms: number(/^latency average = ([\d.]+)/m), operations: done,
        server_cpu_us: (cpuSeconds(...cluster.pids) - before) * 1e6 / done,
    };
}
