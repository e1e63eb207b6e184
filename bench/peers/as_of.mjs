// A fleet query about an earlier moment beside the same query about now: what undoing the changes costs.
import { compare } from './compare.mjs';
import { load } from './load.mjs';
import { startTwinhub } from './twinhub.mjs';

const fleetUsual = 100_000;
const changedShare = 0.01;

const questions = [
    ['count', "SELECT COUNT() AS n FROM devices{} WHERE tags.site.region = 'EU'"],
    ['groups', 'SELECT properties.reported.firmware AS fw, COUNT() AS n FROM devices{} GROUP BY properties.reported.firmware'],
    ['page', 'SELECT * FROM devices{} ORDER BY version DESC LIMIT 100'],
];

export async function asOf(settings) {
    if (settings.peersOnly) return [];
    const fleet = settings.fleet ?? fleetUsual;
    const hub = await startTwinhub({ fleet, filled: true });
    try {
        const moment = new Date().toISOString();
        // About one change of each of these twins.
        const devices = Math.max(1, Math.floor(fleet * changedShare));
        await load('patch', hub.mqtt({ devices, mode: 'open', rate: devices / 2, seconds: 2, warm_up: 0 }));
        const ask = query => async () => {
            const { answer, ...run } = await hub.rest('query', { query, connections: 1, page_items: 1000, seconds: Math.min(settings.seconds, 4), warm_up: 0.5 });
            if (run.errors) throw new Error(`twinhub answers ${query} with ${JSON.stringify(run.errors)}`);
            return run;
        };
        const results = [];
        for (const [name, text] of questions) {
            results.push(...await compare({
                pairs: settings.pairs, peer: ask(text.replace('{}', '')), ours: ask(text.replace('{}', ` AS OF '${moment}'`)),
                targets: [{ name: `AS OF beside now, ${name}, ${fleet} twins, ${devices} changed`, unit: 'ms', of: run => run.query_ms?.p50 ?? NaN, goal: { atMost: 5 } }],
            }));
        }
        return results;
    } finally {
        await hub.stop();
    }
}
