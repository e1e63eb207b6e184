// Our own server, started as an operator would start it, on free ports of the loopback.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { freePort, makeFolder, removeFolder, run, runAsync, start, stop, waitUntil } from './process.mjs';
import { load } from './load.mjs';

const root = path.resolve(import.meta.dirname, '../..');

export function twinhubBinary() {
    const binary = process.env.TWINHUB_BINARY ?? path.join(root, 'build/release/src/twinhub');
    if (!existsSync(binary)) throw new Error(`no ${binary}: cmake --preset release && ninja -C build/release twinhub`);
    return binary;
}

// Writes devices load-0.. with their whole twins into the store of a hub that does not run yet.
async function fillStore(folder, fleet) {
    const binary = process.env.TWINHUB_FILL_BINARY ?? path.join(root, 'build/release/bench/twinhub_fill');
    if (!existsSync(binary)) throw new Error(`no ${binary}: cmake --preset release && ninja -C build/release twinhub_fill`);
    return JSON.parse(await runAsync(binary, ['--store', path.join(folder, 'store'), '--hub-name', 'localhost', '--devices', String(fleet)]));
}

// fleet: devices load-0.. to create, with their twins; `filled`: with their reported sections, by
// writing the store instead of asking for it, which no figure about creation may use; `binary`: of
// another build.
export async function startTwinhub({ fleet = 0, filled = false, binary = twinhubBinary() } = {}) {
    const folder = makeFolder('twinhub');
    const fill = filled ? await fillStore(folder, fleet) : undefined;
    const ports = { https: await freePort(), mqtt: await freePort(), amqp: await freePort(), metrics: await freePort() };
    const hub = {
        folder, ports, child: null, pids: [], ca: path.join(folder, 'ca.pem'), connectionString: '',
        boot: async () => {
            hub.child = start(binary, ['serve', '--data', folder, '--hub-name', 'localhost', '--listen-https-port', String(ports.https),
                '--listen-mqtt-port', String(ports.mqtt), '--listen-amqp-port', String(ports.amqp), '--metrics-port', String(ports.metrics)]);
            hub.pids = [hub.child.pid];
            await waitUntil(async () => (await fetch(`http://127.0.0.1:${ports.metrics}/readyz`)).ok, 300, 'twinhub', hub.child);
        },
        kill: () => stop(hub.child, 'SIGKILL'),
        stop: async () => { await stop(hub.child); removeFolder(folder); },
        // Options of twinhub_load for each door.
        mqtt: options => ({ port: ports.mqtt, ca: hub.ca, server_pid: hub.pids, ...options }),
        amqp: options => ({ port: ports.amqp, ca: hub.ca, server_pid: hub.pids, amqp: true, ...options }),
        // What the hub counts itself under names that the pattern finds.
        metrics: async pattern => {
            const text = await (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text();
            return Object.fromEntries(text.split('\n').filter(line => !line.startsWith('#') && pattern.test(line))
                .map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
        },
        rest: (mode, options) => load(mode, { port: ports.https, ca: hub.ca, server_pid: hub.pids, ...options },
            { TWINHUB_CONNECTION_STRING: hub.connectionString }),
    };
    const began = performance.now();
    await hub.boot();
    hub.bootSeconds = (performance.now() - began) / 1000;
    hub.connectionString = run(binary, ['hub', 'connection-string', 'show', '--data', folder, '--output', 'tsv']).trim().replaceAll('"', '');
    if (filled) hub.prepared = fill;
    else if (fleet > 0) hub.prepared = await hub.rest('prepare', { devices: fleet, twins: true, connections: 8 });
    return hub;
}
