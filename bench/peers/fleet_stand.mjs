// The same fleet in twinhub, DuckDB and PostgreSQL, each made when first asked for and kept for the
// figures that follow. Every engine can `rows(query)` and `time(query, repeats)`.
import { createWriteStream, existsSync } from 'node:fs';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { check, fleetQueries } from './fleet_queries.mjs';
import { fleetOn } from './fleet_postgresql.mjs';
import { loadBinary } from './load.mjs';
import { loadTwins, startPostgres } from './postgresql.mjs';
import { makeFolder, removeFolder, run } from './process.mjs';
import { startTwinhub } from './twinhub.mjs';

const duckdbFolder = path.join(import.meta.dirname, 'duckdb');
const fleetUsual = 1_000_000;

async function writeFleet(file, count) {
    const twins = spawn(loadBinary(), ['fleet', '--devices', String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
    await pipeline(twins.stdout, createWriteStream(file));
}

async function startDuckdb(count) {
    if (!existsSync(path.join(duckdbFolder, 'node_modules'))) run('npm', ['ci', '--silent'], { cwd: duckdbFolder });
    const { openDuckdb } = await import('./duckdb/duckdb.mjs');
    const folder = makeFolder('duckdb');
    const fleetFile = path.join(folder, 'fleet.ndjson');
    await writeFleet(fleetFile, count);
    const database = await openDuckdb({ folder, fleetFile });
    run('rm', [fleetFile]);
    return {
        ...database, name: 'DuckDB',
        rows: query => database.rows(textInOrder(query, 'duckdb')),
        time: async (query, repeats, { threads = 2 } = {}) => {
            await database.threads(threads);
            return database.time(query.duckdb, repeats);
        },
        stop: async () => { await database.stop(); removeFolder(folder); },
    };
}

async function startRows(count) {
    const cluster = await startPostgres();
    const loadSeconds = await loadTwins(cluster, count);
    const fleet = fleetOn(cluster);
    return {
        ...fleet, cluster, loadSeconds, name: 'PostgreSQL',
        rows: query => fleet.rows(textInOrder(query, 'postgres')),
        time: (query, repeats, options) => fleet.time(query.postgres, repeats, options),
        clientTime: (query, seconds) => fleet.clientTime(query.postgres, seconds),
        stop: cluster.stop,
    };
}

async function startHub(count) {
    const hub = await startTwinhub({ fleet: count, filled: true });
    const ask = (query, options) => hub.rest('query', { query: query.twinhub, connections: 1, page_items: 1000, ...options });
    return {
        name: 'twinhub', hub,
        rows: async query => {
            const { answer, errors } = await ask(query, { repeats: 1, warm_up: 0 });
            if (errors) throw new Error(`twinhub answers ${query.twinhub} with ${JSON.stringify(errors)}`);
            return answer;
        },
        // A closed loop of one operator for `seconds`: what he waits for, and the server's own time.
        ask: (query, seconds) => ask(query, { seconds, warm_up: 0.5 }),
        stop: hub.stop,
    };
}

const textInOrder = (query, engine) => query.ordered ? query.ordered(query[engine]) : query[engine];

const running = {};
const starters = { duckdb: startDuckdb, postgres: startRows, twinhub: startHub };
let truth;

// { truth, queries, duckdb?, postgres?, twinhub? } for the engines that are wanted. `asLoaded`: those
// that took updates since (spoil) are made anew, so that every truth holds.
export async function fleetStand(settings, engines, { asLoaded = true } = {}) {
    const count = settings.fleet ?? fleetUsual;
    truth ??= JSON.parse(run(loadBinary(), ['fleet', '--truth', '--devices', String(count)]));
    for (const engine of engines) {
        if (asLoaded && running[engine]?.spoiled) {
            await running[engine].stop();
            delete running[engine];
        }
        running[engine] ??= await starters[engine](count);
    }
    return { truth, queries: fleetQueries(truth), count, ...Object.fromEntries(engines.map(engine => [engine, running[engine]])) };
}

// Devices are about to report to these: batteries and temperatures will not be the loaded ones.
export const spoil = (...engines) => engines.forEach(engine => { if (engine) engine.spoiled = true; });

// The queries of these names, each answered rightly by all of `engines`, or an error.
export async function checked({ truth: right, queries }, names, engines) {
    for (const name of names)
        for (const engine of engines) check(engine.name, name, queries[name], await engine.rows(queries[name]), right);
}

export async function stopFleetStand() {
    for (const engine of Object.values(running).reverse()) await engine.stop();
}
