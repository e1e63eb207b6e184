// DuckDB with the fleet in one table of STRUCT columns, on disk, within this process.
import { statSync } from 'node:fs';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const shared = `firmware struct(version varchar, channel varchar), mode varchar,
    thresholds struct(temperature struct("min" integer, "max" integer), humidity struct("min" integer, "max" integer), co2 integer),
    telemetry struct("interval" integer, batch integer, compress boolean),
    features struct(nightSaving boolean, irrigation boolean)`;
const tags = `struct(site varchar, "zone" varchar, region varchar, customer varchar, hardware struct(model varchar, revision varchar),
    location struct(lat double, lon double), ring varchar, serial varchar)`;
const desired = `struct(${shared}, profile varchar)`;
const reported = `struct(${shared}, battery integer, temperature double,
    calibration struct("offset" double, gain double, "at" varchar), lastBoot varchar,
    signal struct(rssi integer, operator varchar, imei varchar), build varchar)`;

// `fleetFile`: what `twinhub_load fleet` prints.
export async function openDuckdb({ folder, fleetFile, threads = 2 }) {
    const file = path.join(folder, 'fleet.duckdb');
    const instance = await DuckDBInstance.create(file, { threads: String(threads) });
    const connection = await instance.connect();
    const began = performance.now();
    await connection.run(`create table twins as select id, tags, properties.desired as desired, properties.reported as reported
        from read_json('${fleetFile}', format = 'newline_delimited', columns = {
            id: 'varchar', tags: '${tags}', properties: 'struct(desired ${desired}, reported ${reported})'})`);
    await connection.run('checkpoint');
    const loadSeconds = (performance.now() - began) / 1000;
    return {
        loadSeconds, diskBytes: statSync(file).size,
        threads: count => connection.run(`set threads = ${count}`),
        // All rows as plain values of JSON.
        rows: async text => (await connection.runAndReadAll(text)).getRowObjectsJson(),
        // Milliseconds of each of `repeats` executions, the statement being prepared.
        time: async (text, repeats) => {
            const statement = await connection.prepare(text);
            const times = [];
            for (let repeat = 0; repeat < repeats; ++repeat) {
                const before = performance.now();
                await statement.runAndReadAll();
                times.push(performance.now() - before);
            }
            return times;
        },
        stop: async () => { connection.closeSync(); instance.closeSync(); },
    };
}
