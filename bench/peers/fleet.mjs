// T6 to T11: fleet queries beside an analytical database and PostgreSQL, while devices write, and
// how fresh their answers are.
import { compare, median } from './compare.mjs';
import { checked, fleetStand, spoil, stopFleetStand } from './fleet_stand.mjs';
import { load } from './load.mjs';
import { pgbench } from './postgresql.mjs';
import { sleep } from './process.mjs';

export { stopFleetStand };

const updatesPerSecond = 2000;
const scanLimits = { Q1: 0, Q2: 0.14, Q3: 0.28, Q4: 0.40, Q5: 0.28, Q6: 0.05, Q6c: 0.28, Q7: 0.01, Q8: 0.54 };   // ms, one thread, a million

const rounded = value => Number(value.toPrecision(4));
// The first of the times only warms.
const spreadOf = ([, ...times]) =>
    ({ ms: rounded(median(times)), min: rounded(Math.min(...times)), max: rounded(Math.max(...times)), repeats: times.length });
const peerTime = (engine, query, options, repeats = 6) => async () => ({ engine: engine.name, ...options, ...spreadOf(await engine.time(query, repeats, options)) });
const hubTime = (twinhub, query, settings) => async () => {
    const { answer, ...figures } = await twinhub.ask(query, Math.min(settings.seconds, 2));
    return { ms: figures.query_ms?.p50 ?? NaN, ...figures };
};
// What an operator waits for over REST and TLS, beside what the peer says that it worked.
const milliseconds = { unit: 'ms', of: run => run.ms };
// Both by their own clocks: twinhub's from the text of the query to the text of its answer.
const byServers = { unit: 'ms', ofPeer: run => run.ms, of: run => run.server_ms?.p50 ?? NaN };
// Rows that are left out where a side does not say it.
const asides = [
    { ...byServers, name: '  by the clock of each server' },
    { name: '  as a client of each waits', unit: 'ms', ofPeer: run => run.client_ms, of: run => run.ms },
];
const said = ({ target, peer, ours }) => !asides.includes(target) || (ours.length !== 0 && [...peer, ...ours].every(Number.isFinite));

// One comparison for each query. `options` say how the peer runs it.
async function against(settings, stand, peer, { figure, names, options, compares = milliseconds, clientSeconds, gate, goal }) {
    const { queries, twinhub } = stand;
    await checked(stand, names, [peer, ...twinhub ? [twinhub] : []]);
    const results = [];
    for (const name of names) {
        const limit = stand.count === 1_000_000 ? `, limit of one thread ${scanLimits[name]} ms` : '';
        const timed = peerTime(peer, queries[name], options);
        const compared = await compare({
            pairs: settings.pairs, ours: twinhub && hubTime(twinhub, queries[name], settings),
            peer: clientSeconds ? async () => ({ ...await timed(), client_ms: await peer.clientTime(queries[name], clientSeconds) }) : timed,
            targets: [{ ...compares, name: `${figure} ${name} against ${peer.name} ${JSON.stringify(options)}${limit}`, gate, goal },
                ...asides.filter(aside => aside.of !== compares.of || aside.ofPeer !== compares.ofPeer)],
        });
        results.push(...compared.filter(said));
    }
    return results;
}

const standFor = (settings, peer, options) => fleetStand(settings, settings.peersOnly ? [peer] : [peer, 'twinhub'], options);

async function scans(settings) {
    const stand = await standFor(settings, 'duckdb');
    return against(settings, stand, stand.duckdb, {
        figure: 'T6', names: ['Q2', 'Q3', 'Q6c', 'Q8'], options: { threads: 2 }, gate: { atMost: 1 / 5 }, goal: { atMost: 1 / 20 },
    });
}

async function codes(settings) {
    const stand = await standFor(settings, 'duckdb');
    return against(settings, stand, stand.duckdb, {
        figure: 'T7', names: ['Q4', 'Q5'], options: { threads: 2 }, gate: { atMost: 1 / 2 }, goal: { atMost: 1 / 6 },
    });
}

async function withoutIndex(settings) {
    const stand = await standFor(settings, 'postgres');
    await stand.postgres.index(false);
    return against(settings, stand, stand.postgres, {
        figure: 'T8', names: ['Q1', 'Q2', 'Q3', 'Q4', 'Q5', 'Q6c', 'Q8'], options: { workers: 2 }, gate: { atMost: 1 / 50 }, goal: { atMost: 1 / 300 },
    });
}

async function withIndex(settings) {
    const stand = await standFor(settings, 'postgres');
    await stand.postgres.index(true);
    return against(settings, stand, stand.postgres, {
        figure: 'T9 within the server,', names: ['Q2', 'Q6', 'Q7'], options: { workers: 0, planned: true }, compares: byServers, clientSeconds: 2, gate: { atMost: 1 }, goal: { atMost: 0.4 },
    });
}

// Runs `measure` while devices report; both have an end of their own.
async function beside(updates, measure) {
    const updating = updates();
    await sleep(2000);
    const result = await measure();
    return { ...result, updates: await updating };
}

// Q5 while 2,000 devices a second report: Q9. The updates do not touch what it compares, so its
// answer stays true, which is checked meanwhile.
async function besideUpdates(settings) {
    const stand = await standFor(settings, 'postgres', { asLoaded: false });
    const { queries, postgres, twinhub, count } = stand;
    await postgres.index(false);
    spoil(postgres, twinhub);
    await checked(stand, ['Q5'], [postgres, ...twinhub ? [twinhub] : []]);
    const seconds = Math.max(settings.seconds, 6);
    const patches = () => load('patch', twinhub.hub.mqtt({ devices: 1000, mode: 'open', rate: updatesPerSecond, seconds: seconds - 1, warm_up: 1 }));
    const transactions = () => pgbench(postgres.cluster, { script: 'report.pgbench', clients: 16, count, seconds: seconds + 2, rate: updatesPerSecond });
    const idle = twinhub && (async () => ({ ...await hubTime(twinhub, queries.Q5, settings)(), updates: await patches() }));
    const busy = twinhub && (() => beside(patches, async () => {
        const timed = await hubTime(twinhub, queries.Q5, settings)();
        await checked(stand, ['Q5'], [twinhub]);
        return timed;
    }));
    return [
        ...twinhub ? await compare({
            pairs: settings.pairs, peer: idle, ours: busy,   // the peer is twinhub itself: queries alone, then updates alone
            targets: [
                { ...milliseconds, name: `T10 Q5 beside ${updatesPerSecond} updates/s against itself idle`, gate: { atMost: 2 }, goal: { atMost: 1.3 } },
                { name: 'p99 of the updates beside the queries against updates alone', unit: 'ms', of: run => run.updates.patch_ms.p99 },
            ],
        }) : [],
        ...await compare({
            pairs: settings.pairs, peer: () => beside(transactions, peerTime(postgres, queries.Q5, { workers: 2 })), ours: busy,
            targets: [{ ...milliseconds, name: 'T10 Q9 against PostgreSQL', gate: { atMost: 1 / 100 }, goal: { atMost: 1 / 800 } }],
        }),
    ];
}

// A query that begins after the answer to an update must see it, under load from other devices.
async function freshness(settings) {
    if (settings.peersOnly) return [];
    const { twinhub } = await fleetStand(settings, ['twinhub'], { asLoaded: false });
    spoil(twinhub);
    const { hub } = twinhub;
    return compare({
        pairs: 1, ours: async () => {
            let over = false;
            const asking = hub.rest('freshness', { port: hub.ports.mqtt, rest_port: hub.ports.https, devices: 8, rounds: settings.rounds ?? 100_000 })
                .finally(() => { over = true; });
            const updates = [];
            while (!over)
                updates.push(await load('patch', hub.mqtt({ first: 1000, devices: 500, mode: 'open', rate: updatesPerSecond, seconds: 8, warm_up: 1 })));
            const result = await asking;
            return { ...result, updates_beside: updates.reduce((sum, run) => sum + run.operations, 0) };
        },
        targets: [
            { name: 'T11 queries that missed an acknowledged update', unit: '', of: run => run.misses, gate: { oursAtMost: 0 } },
            { name: 'T11 rounds', unit: '', of: run => run.rounds },
            { name: 'T11 errors', unit: '', of: run => Object.values(run.errors ?? {}).reduce((sum, count) => sum + count, 0), gate: { oursAtMost: 0 } },
        ],
    });
}

// Every query on every engine, a line of JSON each: the table of docs/benchmarks.md.
async function table(settings) {
    const engines = settings.peersOnly ? ['duckdb', 'postgres'] : ['duckdb', 'postgres', 'twinhub'];
    const stand = await fleetStand(settings, engines);
    const { queries, duckdb, postgres, twinhub, count } = stand;
    const names = Object.keys(queries);
    const print = line => console.log(`    ${JSON.stringify(line)}`);
    print({ devices: count, bytes: stand.truth.bytes });
    print({ engine: 'DuckDB', load_seconds: duckdb.loadSeconds, disk: duckdb.diskBytes });
    print({ engine: 'PostgreSQL', load_seconds: postgres.loadSeconds, disk: postgres.tableBytes() });
    await postgres.index(false);
    await checked(stand, names, engines.map(name => stand[name]));
    const all = async (engine, options, extra = {}) => {
        for (const name of names) print({ query: name, ...await peerTime(engine, queries[name], options)(), ...extra });
    };
    for (const threads of [1, 2]) await all(duckdb, { threads });
    for (const workers of [0, 2]) await all(postgres, { workers });
    const indexSeconds = await postgres.index(true);
    print({ engine: 'PostgreSQL', index_seconds: rounded(indexSeconds), disk: postgres.tableBytes() });
    await all(postgres, { workers: 0 }, { indexed: true });
    for (const name of names) print({ query: name, engine: 'PostgreSQL', indexed: true, client_ms: await postgres.clientTime(queries[name], 2) });
    if (twinhub) for (const name of names) print({ query: name, engine: 'twinhub', ...await hubTime(twinhub, queries[name], settings)() });
    await postgres.index(false);
    spoil(postgres);
    print({
        query: 'Q9', ...await beside(
            () => pgbench(postgres.cluster, { script: 'report.pgbench', clients: 16, count, seconds: 20, rate: updatesPerSecond }),
            peerTime(postgres, queries.Q5, { workers: 2 }, 10)),
    });
    return [];
}

const figure = (what, measure) => ({ what, measure });
export const fleetFigures = {
    T6: figure('fleet queries that select, against DuckDB', scans),
    T7: figure('fleet queries that group and compare columns, against DuckDB', codes),
    T8: figure('fleet queries against PostgreSQL without an index', withoutIndex),
    T9: figure('fleet queries against PostgreSQL with the right index: planning and execution there, Server-Timing here', withIndex),
    T10: figure('a fleet query while 2,000 devices a second report', besideUpdates),
    T11: figure('a query sees every update acknowledged before it', freshness),
    fleet: figure('every fleet query on every engine', table),
};
