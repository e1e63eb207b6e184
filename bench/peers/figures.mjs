// The figures T1 to T18 that are measured from outside (targets: docs/benchmarks.md). Each starts
// what it needs, measures in pairs and stops it again.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { asOf } from './as_of.mjs';
import { compare } from './compare.mjs';
import { buildRocksdbPuts, rocksdbPuts, startRedis } from './engines.mjs';
import { fleetFigures } from './fleet.mjs';
import { load } from './load.mjs';
import { startMosquitto } from './mosquitto.mjs';
import { startPipeline, topics } from './pipeline.mjs';
import { loadTwins, pgbench, startPostgres } from './postgresql.mjs';
import { cpuSeconds, diskBytes, makeFolder, removeFolder, residentBytes, runAsync, sleep } from './process.mjs';
import { followed, readAll, unfollowed } from './feed.mjs';
import { storm } from './storm.mjs';
import { startTwinhub, twinhubBinary } from './twinhub.mjs';

const fleetUsual = 20_000;
const fleetLarge = 1_000_000;
const connectionsMax = 19_900;   // a process may hold 20,000 descriptors here

const rate = { name: 'operations/s', unit: '/s', of: run => run.per_second };
const cpu = { name: 'server CPU per operation', unit: 'us', of: run => run.server_cpu_us };
const p50 = { name: 'p50', unit: 'ms', of: run => run.patch_ms.p50 };
const p99 = { name: 'p99', unit: 'ms', of: run => run.patch_ms.p99 };

// Starts all of `starters` that are wanted, hands them to `use`, and stops them whatever happens.
async function withAll(starters, use) {
    const running = {};
    try {
        for (const [name, starter] of Object.entries(starters)) if (starter) running[name] = await starter();
        return await use(running);
    } finally {
        for (const one of Object.values(running).reverse()) await one?.stop();
    }
}

const hubOf = (settings, fleet = settings.fleet ?? fleetUsual) => settings.peersOnly ? undefined : () => startTwinhub({ fleet });
const pipelineOf = settings => () => startPipeline({ twins: settings.fleet ?? fleetUsual });

// The same patches through the pipeline and through the hub.
function patches(settings, pipeline, hub, options, theirs = options) {
    const window = { seconds: settings.seconds, warm_up: 2 };
    return {
        peer: () => load('patch', { port: pipeline.port, ca: pipeline.ca, server_pid: pipeline.pids, ...topics, ...window, ...theirs }),
        ours: hub && (() => load('patch', hub.mqtt({ report_first: true, ...window, ...options }))),
    };
}

const closedLoop = settings => withAll({ pipeline: pipelineOf(settings), hub: hubOf(settings) }, ({ pipeline, hub }) => compare({
    pairs: settings.pairs, ...patches(settings, pipeline, hub, { devices: 500 }),
    targets: [
        { ...rate, name: 'T1 durable PATCH/s, 500 TLS connections', gate: { atLeast: 6 }, goal: { atLeast: 12 } },
        { ...cpu, name: 'T2 server CPU per durable PATCH', gate: { atMost: 1 / 8, oursAtMost: 40 }, goal: { oursAtMost: 22 } },
    ],
}));

async function engines(settings) {
    const count = settings.fleet ?? fleetUsual;
    const { seconds, pairs } = settings;
    const puts = buildRocksdbPuts();
    return withAll({
        cluster: async () => { const cluster = await startPostgres(); await loadTwins(cluster, count); return cluster; },
        redis: startRedis, hub: hubOf(settings),
    }, async ({ cluster, redis, hub }) => {
        const ours = hub && (() => load('patch', hub.mqtt({ devices: 64, seconds, warm_up: 1, report_first: true })));
        const against = (name, gate, goal, peer) => compare({ pairs, peer, ours, targets: [{ ...rate, name, gate, goal }, cpu] });
        return [
            ...await against('T3 against pgbench, 64 clients', { atLeast: 3 }, { atLeast: 5 },
                () => pgbench(cluster, { script: 'report.pgbench', clients: 64, count, seconds })),
            ...await against('T3 against RocksDB, 64 threads of synced puts', { atLeast: 2 }, { atLeast: 3.5 },
                () => rocksdbPuts(puts, { threads: 64, seconds })),
            ...redis ? await against('T3 against Redis appendfsync always, HSET, 64 clients', { atLeast: 1 }, { atLeast: 2 },
                () => redis.hset({ clients: 64, operations: seconds * 10_000 })) : [],
        ];
    });
}

const oneDevice = settings => withAll({ pipeline: pipelineOf(settings), hub: hubOf(settings) }, ({ pipeline, hub }) => compare({
    pairs: settings.pairs, ...patches(settings, pipeline, hub, { devices: 1 }),
    targets: [{ ...p50, name: 'T4 one device, p50', gate: { atMost: 0.6 }, goal: { atMost: 0.35 } }],
}));

const openLoop = settings => withAll({ pipeline: pipelineOf(settings), broker: startMosquitto, hub: hubOf(settings) },
    async ({ pipeline, broker, hub }) => {
        const at = perSecond => ({ devices: 1000, mode: 'open', rate: perSecond });
        const { peer, ours } = patches(settings, pipeline, hub, at(5000), { ...at(1000), get_share: 0.1 });
        const acks = () => load('patch', {
            port: broker.port, ca: broker.ca, server_pid: broker.pids, no_sign_in: true, qos1_publish: 'devices/{id}/messages/events/',
            seconds: settings.seconds, warm_up: 2, ...at(5000),
        });
        return [
            ...await compare({
                pairs: settings.pairs, peer, ours,
                targets: [{ ...p99, name: 'T5 p99 at 5000/s against the pipeline at 1000/s', gate: { atMost: 0.5 }, goal: { atMost: 0.15 } }, p50],
            }),
            ...await compare({
                pairs: settings.pairs, peer: acks, ours,
                targets: [{ ...p99, name: 'T5 p99 at 5000/s against Mosquitto QoS 1', gate: { atMost: 2 }, goal: { atMost: 1.25 } }, p50, cpu],
            }),
        ];
    });

// A server of its own for each run: memory that was freed does not always go back.
function idle(settings) {
    const devices = connectionsMax;
    const subscribed = broker => ({
        port: broker.port, ca: broker.ca, server_pid: broker.pids, no_sign_in: true, devices, settle: 5,
    });
    return compare({
        pairs: settings.pairs,
        peer: () => withAll({ broker: startMosquitto }, ({ broker }) => load('hold', subscribed(broker))),
        ours: settings.peersOnly ? undefined : () => withAll({ hub: () => startTwinhub({ fleet: devices }) },
            ({ hub }) => load('hold', hub.mqtt({ devices, settle: 5 }))),
        targets: [
            {
                name: `T12 memory per idle TLS connection, ${devices} held`, unit: 'bytes', of: run => run.bytes_per_connection,
                gate: { atMost: 1 }, goal: { atMost: 0.8 },
            },
            { name: 'connections held', unit: '', of: run => run.still_connected },
        ],
    });
}

// Beside our own MQTT. Proton keeps about 40 KB for each connection at the generator's end too: fewer devices.
function idleAmqp(settings) {
    const devices = 5000;
    const held = amqp => withAll({ hub: () => startTwinhub({ fleet: devices }) },
        ({ hub }) => load('hold', (amqp ? hub.amqp : hub.mqtt)({ devices, settle: 5 })));
    return compare({
        pairs: settings.pairs,
        peer: () => held(false),
        ours: settings.peersOnly ? undefined : () => held(true),
        targets: [
            { name: `memory per idle AMQP connection beside MQTT, ${devices} held`, unit: 'bytes', of: run => run.bytes_per_connection },
            { name: 'connections held', unit: '', of: run => run.still_connected },
        ],
    });
}

const connects = settings => withAll({ broker: startMosquitto, hub: hubOf(settings) }, async ({ broker, hub }) => {
    const results = [];
    for (const resume of [false, true]) {
        const options = { devices: 256, connect_at_once: 32, seconds: settings.seconds, warm_up: 1, resume };
        results.push(...await compare({
            pairs: settings.pairs,
            peer: () => load('connect', { port: broker.port, ca: broker.ca, server_pid: broker.pids, no_sign_in: true, ...options }),
            ours: hub && (() => load('connect', hub.mqtt(options))),
            targets: [
                { ...cpu, name: `T13 server CPU per connect, ${resume ? 'resumed' : 'full handshake'}`, gate: { atMost: 1 }, goal: { atMost: 0.85 } },
                { ...rate, name: 'connects/s' },
            ],
        }));
    }
    return results;
});

// The peer is the hub itself with few devices: what do the idle ones cost the busy ones?
async function manyHeld(settings) {
    if (settings.peersOnly) return [];
    const run = (devices, active_share) => withAll({ hub: () => startTwinhub({ fleet: connectionsMax }) },
        ({ hub }) => load('hold', hub.mqtt({ devices, active_share, rate: 2000, seconds: settings.seconds, warm_up: 2, report_first: true })));
    return compare({
        pairs: settings.pairs, peer: () => run(1000, 0.995), ours: () => run(connectionsMax, 0.05),
        targets: [{
            ...p99, name: `T14 p99 at 2000/s, ${connectionsMax} held against 1000`, gate: { atMost: 2 }, goal: { atMost: 1.3 },
        }, p50, cpu],
    });
}

const secondsOf = async action => {
    const began = performance.now();
    await action();
    return (performance.now() - began) / 1000;
};

// Killed under load. The peer then gets as many updates since its checkpoint as the hub had.
async function restart(settings) {
    const count = settings.fleet ?? fleetLarge;
    let updates = 200_000;   // for --peers-only; about what 12 s make
    return withAll({
        cluster: async () => { const cluster = await startPostgres(); await loadTwins(cluster, count); return cluster; },
        hub: hubOf(settings, count),
    }, ({ cluster, hub }) => compare({
        pairs: settings.pairs, oursFirst: true,
        peer: async () => {
            cluster.sql('checkpoint');
            await pgbench(cluster, { script: 'report.pgbench', clients: 32, count, transactions: updates });
            await cluster.kill();
            return { updates, restart_seconds: await secondsOf(() => cluster.boot("select id from twins where id = 'load-7'")) };
        },
        ours: hub && (async () => {
            const versions = path.join(hub.folder, '..', `${path.basename(hub.folder)}-acknowledged`);
            const loading = load('patch', hub.mqtt({ devices: 500, seconds: 60, warm_up: 0, versions }));
            await sleep(12_000);
            await hub.kill();
            updates = (await loading).operations;
            const restart_seconds = await secondsOf(hub.boot);
            const { lost, unread } = await hub.rest('verify', { versions });
            rmSync(versions);
            return { updates, restart_seconds, lost, unread };
        }),
        targets: [
            {
                name: 'T15 restart after kill -9 under load', unit: 's', of: run => run.restart_seconds,
                gate: { atMost: 0.5 }, goal: { atMost: 0.15, oursAtMost: 2 },
            },
            ...hub ? [{ name: 'T15 acknowledged updates lost', unit: '', of: run => run.lost, gate: { oursAtMost: 0 } }] : [],
        ],
    }));
}

// What a million twins take, with all that their devices reported; and how long their creation takes.
async function size(settings) {
    const count = settings.fleet ?? fleetLarge;
    const created = settings.peersOnly ? undefined : await withAll({ hub: hubOf(settings, count) }, ({ hub }) => hub.prepared);
    return withAll({
        cluster: async () => { const cluster = await startPostgres(); cluster.loadSeconds = await loadTwins(cluster, count); return cluster; },
        hub: settings.peersOnly ? undefined : () => startTwinhub({ fleet: count, filled: true }),
    }, ({ cluster, hub }) => compare({
        pairs: 1,
        peer: () => ({ disk: Number(cluster.sql("select pg_total_relation_size('twins')")), seconds: cluster.loadSeconds }),
        ours: hub && (async () => ({
            disk: diskBytes(hub.folder), memory: residentBytes(hub.pids[0]), seconds: created.seconds, boot_seconds: hub.bootSeconds,
            ...await hub.metrics(/column.*bytes|fleet.*bytes/),
        })),
        targets: [
            { name: `T17 disk for ${count} twins`, unit: 'MB', of: run => run.disk / 1e6 },
            { name: 'T17 resident memory', unit: 'MB', of: run => run.memory / 1e6 },
            ...hub ? [{ name: 'T17 start until ready', unit: 's', of: run => run.boot_seconds }] : [],
            { name: 'creation (peer: COPY; twinhub: REST bulk)', unit: 's', of: run => run.seconds },
        ],
    }));
}

const restGet = settings => {
    const count = settings.fleet ?? fleetUsual;
    return withAll({
        cluster: async () => { const cluster = await startPostgres(); await loadTwins(cluster, count); return cluster; },
        hub: hubOf(settings),
    }, ({ cluster, hub }) => compare({
        pairs: settings.pairs,
        peer: () => pgbench(cluster, { script: 'get.pgbench', clients: 16, count, seconds: settings.seconds }),
        ours: hub && (() => hub.rest('rest-get', { devices: count, connections: 32, seconds: settings.seconds })),
        targets: [{ ...rate, name: 'T18 REST twin GET/s, 32 connections', gate: { atLeast: 1 }, goal: { atLeast: 2 } }, cpu],
    }));
};

// The peer is the hub itself, quiet: what do operators feel while a fleet arrives?
async function arrivals(settings) {
    if (settings.peersOnly) return [];
    const fleet = settings.fleet ?? fleetUsual;
    let quiet;
    return compare({
        pairs: settings.pairs, oursFirst: true, peer: () => quiet,
        ours: async () => { const run = await storm(connectionsMax, fleet); quiet = run.quiet; return run; },
        targets: [
            { name: `twin reads while ${connectionsMax} devices provision and connect, p99`, unit: 'ms', of: run => run.get_ms.p99, gate: { oursAtMost: 50 } },
            { name: 'twin reads while all leave at once, p99', unit: 'ms', of: run => (run.leaving_ms ?? run.get_ms).p99 },
            { name: 'until all are connected', unit: 's', of: run => run.seconds },
            { name: 'server CPU a device, both connections', unit: 'us', of: run => run.server_cpu_us },
        ],
    });
}

// The peer is the hub itself while nobody reads: what does a reader cost the updates, and how far behind is he?
async function feed(settings) {
    if (settings.peersOnly) return [];
    const { seconds, pairs } = settings;
    return withAll({ hub: hubOf(settings) }, async ({ hub }) => [
        ...await compare({
            pairs, peer: () => unfollowed(hub, seconds), ours: () => followed(hub, seconds),
            targets: [
                { name: 'lag of the feed at 5,000 changes/s, p50', unit: 'ms', of: run => run.lag_ms?.p50 },
                { name: 'lag of the feed at 5,000 changes/s, p99', unit: 'ms', of: run => run.lag_ms?.p99, gate: { oursAtMost: 100 } },
                { ...p99, name: 'updates, p99, with a reader beside without' },
                { ...cpu, name: 'server CPU an update, with a reader beside without' },
            ],
        }),
        ...await compare({
            pairs, ours: () => readAll(hub, 50_000),
            targets: [{ name: 'changes/s read by one who is behind', unit: '/s', of: run => run.changes_per_second }],
        }),
    ]);
}

// One job over the whole fleet, from its order to its last durable twin; no peer has such a thing.
async function bulkPatch(settings) {
    if (settings.peersOnly) return [];
    const count = settings.fleet ?? fleetLarge;
    return withAll({ hub: () => startTwinhub({ fleet: count, filled: true }) }, ({ hub }) => {
        let number = 0;
        return compare({
            pairs: Math.min(settings.pairs, 3),
            ours: async () => {
                const version = ++number;
                const cpu = cpuSeconds(hub.pids[0]);
                const job = JSON.parse(await runAsync(twinhubBinary(), [
                    'job', 'create-twin-update', '--port', String(hub.ports.https), '--job-id', `bench-${version}`, '--all-devices', '--desired', JSON.stringify({ wave: version }),
                    '--wait', '--poll-interval', '1', '--poll-duration', '3600', '--output', 'json'],
                { env: { ...process.env, TWINHUB_DATA: hub.folder } }));
                const seconds = (Date.parse(job.endTime) - Date.parse(job.createdTime)) / 1000;
                const { succeededCount: changed, failedCount: failed } = job.deviceJobStatistics;
                if (job.status !== 'completed' || changed !== count) throw new Error(`the job did not do it all: ${JSON.stringify(job)}`);
                return { seconds, changed, failed, per_second: changed / seconds, server_cpu_us: (cpuSeconds(hub.pids[0]) - cpu) * 1e6 / count };
            },
            targets: [
                { name: `${count} twins patched by one job, durable`, unit: 's', of: run => run.seconds, ...count === fleetLarge && { gate: { oursAtMost: 60 } } },
                { name: 'twins a second', unit: '/s', of: run => run.per_second },
                cpu,
            ],
        });
    });
}

// What has an update cost since an older build?
async function builds(settings) {
    const binary = process.env.TWINHUB_PEER_BINARY;
    if (!binary) throw new Error('TWINHUB_PEER_BINARY names the older build');
    const fleet = settings.fleet ?? fleetUsual;
    return withAll({ before: () => startTwinhub({ fleet, binary }), hub: hubOf(settings) }, ({ before, hub }) => {
        const run = side => () => load('patch', side.mqtt({ devices: 500, report_first: true, seconds: settings.seconds, warm_up: 1 }));
        return compare({
            pairs: settings.pairs, peer: run(before), ours: hub && run(hub),
            targets: [{ ...rate, name: 'durable updates/s beside the older build', gate: { atLeast: 0.75 } }, cpu, p99],
        });
    });
}

// A rollout of which one device in twenty refuses, in a hub of its own process that is killed again
// and again; it fails unless everybody is changed once at most and has the old values in the end.
async function brokenRollout(settings) {
    if (settings.peersOnly) return [];
    const binary = process.env.TWINHUB_ROLLOUT_BINARY ?? path.resolve(import.meta.dirname, '../../build/release/bench/twinhub_rollout');
    const devices = settings.fleet ?? 100_000;
    let seed = 0;
    const runs = kills => async () => {
        const folder = makeFolder('rollout');
        try {
            return JSON.parse(await runAsync(binary, ['--devices', String(devices), '--kills', String(kills), '--seed', String(++seed), '--folder', folder]));
        } finally {
            removeFolder(folder);
        }
    };
    return compare({
        pairs: Math.min(settings.pairs, 3), peer: runs(0), ours: runs(5),
        targets: [
            { name: `changed of ${devices} before it stopped, killed on the way beside undisturbed`, unit: '', of: run => run.changed },
            { name: 'from its start to its halt', unit: 's', of: run => run.seconds.stop },
            { name: 'all back', unit: 's', of: run => run.seconds.rollback },
        ],
    });
}

const figure = (what, measure) => ({ what, measure });
export const figures = {
    T1: figure('durable PATCH/s over MQTT and TLS against Mosquitto + bridge + PostgreSQL (with T2)', closedLoop),
    T2: figure('server CPU of a durable PATCH (with T1)', closedLoop),
    T3: figure('durable PATCH/s with 64 in flight against raw engines', engines),
    T4: figure('one device, one update at a time', oneDevice),
    T5: figure('latency at a fixed rate, open loop', openLoop),
    ...fleetFigures,
    T12: figure('memory of idle TLS connections against Mosquitto', idle),
    amqp: figure('memory of idle AMQP connections beside those of MQTT', idleAmqp),
    T13: figure('server CPU of a connect against Mosquitto', connects),
    T14: figure('latency of the few active among many held connections', manyHeld),
    T15: figure('restart after kill -9 with a million twins, and nothing acknowledged lost', restart),
    T17: figure('what a million twins take in memory and on disk', size),
    T18: figure('REST twin reads against pgbench', restGet),
    feed: figure('the change feed at 5,000 changes a second', feed),
    jobs: figure('a million twins patched by one job', bulkPatch),
    builds: figure('durable updates beside those of an older build', builds),
    rollout: figure('a bad rollout over 100,000 devices, stopped and taken back', brokenRollout),
    'as-of': figure('fleet queries AS OF an earlier moment beside the same ones about now', asOf),
    storm: figure('twin reads while a fleet provisions itself and connects', arrivals),
};
