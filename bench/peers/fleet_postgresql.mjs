// Fleet queries on PostgreSQL, timed by itself: the execution, and with `planned` the planning of a
// text that it sees for the first time in a statement. The way of the rows to the client is never in
// it, nor their words, which favours it.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { postgresIndexes, postgresIndexNames } from './fleet_queries.mjs';
import { pgbench } from './postgresql.mjs';
import { runAsync } from './process.mjs';

const unclocked = 'explain (analyze, timing off, summary on)';

export function fleetOn(cluster) {
    let indexed = false;
    // One session for all statements.
    const session = statements => runAsync('psql',
        [...cluster.connection, '-XqAt', '-v', 'ON_ERROR_STOP=1', ...statements.flatMap(text => ['-c', text])]);
    // Compiling these queries costs more than it saves.
    const set = workers => `set max_parallel_workers_per_gather = ${workers}; set jit = off`;
    return {
        rows: async text => JSON.parse(await session([`select coalesce(json_agg(answer), '[]') from (${text}) answer`])),
        time: async (text, repeats, { workers = 2, planned = false } = {}) => {
            const out = await session([set(workers), ...Array(repeats).fill(`${unclocked} ${text}`)]);
            return [...out.matchAll(/^Planning Time: ([\d.]+) ms\n(?:.*\n)*?Execution Time: ([\d.]+) ms$/gm)]
                .map(([, planning, execution]) => Number(execution) + (planned ? Number(planning) : 0));
        },
        // What one client on the local socket waits for, with a prepared statement: milliseconds.
        clientTime: async (text, seconds) => {
            const script = path.join(cluster.folder, 'query.pgbench');
            writeFileSync(script, `${text};\n`);
            return (await pgbench(cluster, { script, clients: 1, count: 1, seconds })).latency_ms;
        },
        plan: text => session([`explain ${text}`]),
        tableBytes: () => Number(cluster.sql("select pg_total_relation_size('twins')")),
        // Makes or drops the indexes; seconds.
        index: async wanted => {
            const began = performance.now();
            if (wanted !== indexed)
                await session(wanted ? [...postgresIndexes, 'vacuum analyze twins', 'checkpoint'] : postgresIndexNames.map(name => `drop index ${name}`));
            indexed = wanted;
            return (performance.now() - began) / 1000;
        },
    };
}
