// What devices send, as services see it: the stream of device events.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { hub, rest } from './fixture.js';
import { api_version } from './rest.js';
import { Inbox, nextEvent } from './wait.js';

// Opens the stream: `answer` is the response of Node's https, not read yet.
export function open(t, query = '', token = rest.token()) {
    const outgoing = request({
        agent: false, ca: hub.ca, host: hub.address, port: hub.httpsPort, servername: hub.host,
        path: `/twinhub/device-events?api-version=${api_version}${query}`,
        headers: { Host: hub.host, Authorization: token } });
    t.after(() => outgoing.destroy());
    const answer = nextEvent(outgoing, 'response', 'the stream').then(([incoming]) => incoming);
    outgoing.end();
    return answer;
}

// Every message of `device` from now on, parsed.
export async function listen(t, device) {
    const answer = await open(t, `&deviceId=${encodeURIComponent(device.deviceId)}`);
    assert.equal(answer.statusCode, 200);
    assert.match(answer.headers['content-type'], /^application\/x-ndjson/);
    const inbox = new Inbox();
    let text = '';
    answer.setEncoding('utf8').on('error', () => {}).on('data', (piece) => {
        const lines = (text + piece).split('\n');
        text = lines.pop();
        for (const line of lines) if (line !== '') inbox.put(JSON.parse(line));
    });
    return inbox;
}
