// The change feed beside the updates that it tells: the peer is the hub itself while nobody reads.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createHmac } from 'node:crypto';
import { load } from './load.mjs';

const updatesRate = 5000;
const devices = 1000;

function token(hub) {
    const parts = Object.fromEntries(hub.connectionString.split(';').map(part => part.split(/=(.*)/s)));
    const resource = encodeURIComponent(parts.HostName);
    const expiry = Math.floor(Date.now() / 1000) + 3600;
    const signature = createHmac('sha256', Buffer.from(parts.SharedAccessKey, 'base64')).update(`${resource}\n${expiry}`).digest('base64');
    return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${parts.SharedAccessKeyName}`;
}

// Lines of the feed into `take` until it says that it has enough, or the stream ends.
function read(hub, query, take) {
    let request;
    const ended = new Promise((done, fail) => {
        request = https.get({
            host: '127.0.0.1', servername: 'localhost', port: hub.ports.https, ca: readFileSync(hub.ca), agent: false,
            path: `/changes?${query}`, headers: { Host: 'localhost', Authorization: token(hub) },
        }, answer => {
            if (answer.statusCode !== 200) return fail(new Error(`the feed answers ${answer.statusCode}`));
            let rest = '';
            answer.setEncoding('utf8');
            answer.on('error', () => {});
            answer.on('close', done);
            answer.on('data', text => {
                const lines = (rest + text).split('\n');
                rest = lines.pop();
                const now = Date.now();
                for (const line of lines) if (line) take(line, now);
            });
        });
        request.on('error', done);
    });
    return { ended, close: () => request.destroy() };
}

const isChange = line => line.includes('"kind":');
const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

const updates = (hub, seconds) => load('patch', hub.mqtt({ devices, mode: 'open', rate: updatesRate, seconds, warm_up: 2 }));

// Updates while somebody follows: how long after its commit each change was here, and whether all came.
export async function followed(hub, seconds) {
    const lags = [];
    let cursor;
    const reader = read(hub, 'follow=1&since=now', (line, now) => {
        const object = JSON.parse(line);
        cursor = object.cursor;
        if (object.kind) lags.push(now - Date.parse(object.committed));
    });
    const written = await updates(hub, seconds);
    // What was written last may still be on its way.
    let before;
    do {
        before = lags.length;
        await new Promise(done => setTimeout(done, 500));
    } while (lags.length > before);
    reader.close();
    await reader.ended;
    const sorted = lags.sort((a, b) => a - b);
    return { ...written, changes_told: sorted.length, has_cursor: cursor !== undefined,
             lag_ms: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1) } };
}

export const unfollowed = updates;

// All that is kept, as fast as it comes.
export async function readAll(hub, limit) {
    let [changes, bytes] = [0, 0];
    const began = performance.now();
    const reader = read(hub, `follow=1&since=oldest&limit=${limit}`, line => {
        bytes += line.length + 1;
        if (isChange(line)) changes += 1;
    });
    await reader.ended;
    const seconds = (performance.now() - began) / 1000;
    return { changes, changes_per_second: changes / seconds, megabytes_per_second: bytes / 1e6 / seconds };
}
