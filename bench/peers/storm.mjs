// New devices that come all at once, while operators read: the peer is the hub itself when it is quiet.
import { load } from './load.mjs';
import { run } from './process.mjs';
import { startTwinhub, twinhubBinary } from './twinhub.mjs';

const readersRate = 200;        // twin reads a second
const windowSeconds = 5;        // the worst window of the storm counts
const firstDevice = 10_000_000; // none of the fleet that is read

const dps = (hub, ...words) => JSON.parse(run(twinhubBinary(), ['dps', ...words, '--data', hub.folder, '--output', 'json',
    '--port', String(hub.ports.https)]));

const worseOf = (one, other) => (!one || other.get_ms.p99 > one.get_ms.p99 ? other : one);

// Twin reads in windows until `until` is settled: the window with the largest p99 of those that ended before it, and
// the one in which it settled, when all connections were dropped at once.
async function readUntil(hub, fleet, until) {
    let settled = false;
    until.finally(() => { settled = true; });
    let worst;
    while (true) {
        const window = await hub.rest('rest-get', {
            devices: fleet, connections: 8, rate: readersRate, seconds: windowSeconds, warm_up: 0.2 });
        if (settled) return { worst, leaving: window };
        worst = worseOf(worst, window);
    }
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
            devices, first: firstDevice, id_scope: idScope, connect_at_once: 256, connect_seconds_max: 600,
            stay: 2 * windowSeconds }));
        const reading = await readUntil(hub, fleet, coming);
        return {
            quiet, ...await coming, get_ms: reading.worst.get_ms, leaving_ms: reading.leaving.get_ms,
            reads_errors: reading.worst.errors,
        };
    } finally {
        await hub.stop();
    }
}
