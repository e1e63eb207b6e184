// New devices that come all at once, while operators read: the peer is the hub itself when it is quiet.
import { load } from './load.mjs';
import { run } from './process.mjs';
import { startTwinhub, twinhubBinary } from './twinhub.mjs';

const readersRate = 200;        // twin reads a second
const windowSeconds = 5;        // the worst window of the storm counts
const firstDevice = 10_000_000; // none of the fleet that is read

const dps = (hub, ...words) => JSON.parse(run(twinhubBinary(), ['dps', ...words, '--data', hub.folder, '--output', 'json',
    '--port', String(hub.ports.https)]));

// Twin reads in windows until `until` is settled; the window with the largest p99.
async function readUntil(hub, fleet, until) {
    let settled = false;
    until.finally(() => { settled = true; });
    let worst;
    while (!settled) {
        const window = await hub.rest('rest-get', {
            devices: fleet, connections: 8, rate: readersRate, seconds: windowSeconds, warm_up: 0.2 });
        if (!worst || window.get_ms.p99 > worst.get_ms.p99) worst = window;
    }
    return worst;
}

export async function storm(devices, fleet) {
    const hub = await startTwinhub({ fleet, filled: true });
    try {
        const key = run(process.env.TWINHUB_LOAD_BINARY ?? 'build/release/bench/twinhub_load', ['group-key']).trim();
        dps(hub, 'enrollment-group', 'create', '--eid', 'storm', '--pk', key, '--sk', key);
        const { idScope } = dps(hub, 'show');
        const quiet = await hub.rest('rest-get', {
            devices: fleet, connections: 8, rate: readersRate, seconds: windowSeconds, warm_up: 1 });
        const coming = load('storm', hub.mqtt({
            devices, first: firstDevice, id_scope: idScope, connect_at_once: 256, connect_seconds_max: 600 }));
        const reading = await readUntil(hub, fleet, coming);
        return { quiet, ...await coming, get_ms: reading.get_ms, reads_errors: reading.errors };
    } finally {
        await hub.stop();
    }
}
