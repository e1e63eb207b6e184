// The measured queries in each language, and how their answers are held against the truth that
// `twinhub_load fleet --truth` counted. Every text is what a user of that engine would write.
import assert from 'node:assert';

const path = (root, ...keys) => `${[root, ...keys.slice(0, -1).map(key => `'${key}'`)].join('->')}->>'${keys.at(-1)}'`;
const site = path('tags', 'site');
const zone = path('tags', 'zone');
const region = path('tags', 'region');
const wanted = path('desired', 'firmware', 'version');
const firmware = path('reported', 'firmware', 'version');
const battery = `(${path('reported', 'battery')})::int`;

// What a fleet query would want indexed, and what an update then has to keep current.
export const postgresIndexes = [
    'create index twins_tags on twins using gin (tags jsonb_path_ops)',
    'create index twins_reported on twins using gin (reported jsonb_path_ops)',
    `create index twins_site on twins ((${site}))`,
    `create index twins_region_battery on twins ((${region}), (${battery}))`,
    `create index twins_firmware on twins ((${firmware}))`,
    `create index twins_zone on twins ((${zone}))`,
];
export const postgresIndexNames = postgresIndexes.map(text => text.split(' ')[2]);

const counted = rows => Number(rows[0].n);
const grouped = (key, value) => rows => Object.fromEntries(rows.map(row => [row[key], value(row)]));
const withoutMetadata = value => value === null || typeof value !== 'object' ? value
    : Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('$')).map(([key, one]) => [key, withoutMetadata(one)]));

const countOf = (name, twinhub, postgres, duckdb) => ({
    read: counted, expect: truth => truth[name],
    twinhub: `SELECT COUNT() AS n FROM devices${twinhub && ` WHERE ${twinhub}`}`,
    postgres: `select count(*) as n from twins${postgres && ` where ${postgres}`}`,
    duckdb: `select count(*) as n from twins${duckdb && ` where ${duckdb}`}`,
});

// truth => name => { twinhub, postgres, duckdb, ordered?, read: rows => answer, expect: truth => answer }
export function fleetQueries(truth) {
    const low = {
        twinhub: `tags.region = '${truth.region}' AND properties.reported.battery < ${truth.battery_below}`,
        postgres: `${region} = '${truth.region}' and ${battery} < ${truth.battery_below}`,
        duckdb: `tags.region = '${truth.region}' and reported.battery < ${truth.battery_below}`,
    };
    return {
        Q1: countOf('Q1', '', '', ''),
        Q2: countOf('Q2', `tags.site = '${truth.site}'`, `${site} = '${truth.site}'`, `tags.site = '${truth.site}'`),
        Q3: countOf('Q3',
            `properties.reported.firmware.version != '${truth.firmware}' AND tags.region = '${truth.region}'`,
            `${firmware} <> '${truth.firmware}' and ${region} = '${truth.region}'`,
            `reported.firmware.version <> '${truth.firmware}' and tags.region = '${truth.region}'`),
        Q4: {
            read: grouped('version', row => Number(row.n)), expect: ({ Q4 }) => Q4,
            twinhub: 'SELECT properties.reported.firmware.version, COUNT() AS n FROM devices GROUP BY properties.reported.firmware.version',
            postgres: `select ${firmware} as version, count(*) as n from twins group by 1`,
            duckdb: 'select reported.firmware.version as version, count(*) as n from twins group by 1',
        },
        Q5: countOf('Q5', 'properties.reported.firmware.version != properties.desired.firmware.version',
            `${firmware} <> ${wanted}`, 'reported.firmware.version <> desired.firmware.version'),
        // twinhub always gives rows in the order of their ids. The peers are timed without it, which
        // is less work, and checked with it.
        Q6: {
            read: rows => rows.map(row => [row.deviceId ?? row.id, row.site, Number(row.battery)]), expect: ({ Q6 }) => Q6,
            twinhub: `SELECT TOP 100 deviceId, tags.site, properties.reported.battery FROM devices WHERE ${low.twinhub}`,
            postgres: `select id, ${site} as site, ${battery} as battery from twins where ${low.postgres} limit 100`,
            duckdb: `select id, tags.site as site, reported.battery as battery from twins where ${low.duckdb} limit 100`,
            ordered: text => text.replace(/limit 100$/, 'order by id limit 100'),
        },
        Q6c: countOf('Q6c', low.twinhub, low.postgres, low.duckdb),
        Q7: {
            read: ([row]) => withoutMetadata({
                tags: row.tags, desired: row.desired ?? row.properties.desired, reported: row.reported ?? row.properties.reported,
            }),
            expect: ({ Q7 }) => Q7,
            twinhub: `SELECT * FROM devices WHERE deviceId = '${truth.device}'`,
            postgres: `select id, tags, desired, reported from twins where id = '${truth.device}'`,
            duckdb: `select id, tags, desired, reported from twins where id = '${truth.device}'`,
        },
        Q8: {
            read: grouped('zone', row => [Number(row.n), Number(row.battery)]),
            expect: ({ Q8 }) => Object.fromEntries(Object.entries(Q8).map(([name, [n, sum]]) => [name, [n, sum / n]])),
            twinhub: `SELECT tags.zone, COUNT() AS n, AVG(properties.reported.battery) AS battery FROM devices ` +
                `WHERE STARTSWITH(tags.site, '${truth.site_prefix}') GROUP BY tags.zone`,
            postgres: `select ${zone} as zone, count(*) as n, avg(${battery}) as battery from twins ` +
                `where ${site} like '${truth.site_prefix}%' group by 1`,
            duckdb: `select tags.zone as zone, count(*) as n, avg(reported.battery) as battery from twins ` +
                `where starts_with(tags.site, '${truth.site_prefix}') group by 1`,
        },
    };
}

// Throws unless the rows are the true answer. Averages may differ in the last digits.
export function check(engine, name, query, rows, truth) {
    const rounded = value => JSON.parse(JSON.stringify(value, (key, one) => typeof one === 'number' ? Number(one.toPrecision(12)) : one));
    try {
        assert.deepStrictEqual(rounded(query.read(rows)), rounded(query.expect(truth)));
    } catch (error) {
        throw new Error(`${engine} answers ${name} wrongly: ${error.message}`);
    }
}
