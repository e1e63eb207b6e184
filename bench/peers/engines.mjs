// Raw engines without a network in front of twins: RocksDB, and Redis where it is installed.
import path from 'node:path';
import { connect } from 'node:net';
import { cpuSeconds, freePort, has, makeFolder, removeFolder, run, runAsync, start, stop, waitUntil } from './process.mjs';

// store_bench measures our own engine; this is the library alone, built when first asked for.
export function buildRocksdbPuts() {
    const folder = makeFolder('rocksdb-puts');
    const binary = path.join(folder, 'rocksdb_puts');
    run('clang++-19', ['-std=c++23', '-O2', '-o', binary, path.join(import.meta.dirname, 'rocksdb_puts.cc'), '-lrocksdb', '-pthread']);
    return binary;
}

export async function rocksdbPuts(binary, { threads, seconds }) {
    const folder = makeFolder('rocksdb');
    const out = await runAsync(binary, [path.join(folder, 'db'), String(threads), String(seconds)]);
    removeFolder(folder);
    return JSON.parse(out);
}

// HSET of 4 fields with the append-only file synced before each answer. Nothing when not installed.
export async function startRedis() {
    if (!has('redis-server') || !has('redis-benchmark')) return undefined;
    const folder = makeFolder('redis');
    const port = await freePort();
    const child = start('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '',
        '--appendonly', 'yes', '--appendfsync', 'always']);
    await waitUntil(() => new Promise(done => {
        const socket = connect(port, '127.0.0.1');
        socket.on('connect', () => { socket.destroy(); done(true); });
        socket.on('error', () => done(false));
    }), 10, 'redis', child);
    return {
        hset: async ({ clients, operations }) => {
            const before = cpuSeconds(child.pid);
            const out = await runAsync('redis-benchmark', ['-p', String(port), '-c', String(clients), '-n', String(operations),
                '-r', '1000000', '--csv', 'HSET', 'load-__rand_int__', 'version', '1', 'battery', '57', 'temperature', '21.5',
                'etag', 'AAAAAAAAAAE=']);
            return {
                operations, per_second: Number(out.trim().split('\n').at(-1).split('","')[1]),
                server_cpu_us: (cpuSeconds(child.pid) - before) * 1e6 / operations,
            };
        },
        stop: async () => { await stop(child); removeFolder(folder); },
    };
}
