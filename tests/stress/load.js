// The crowd: each function is one member of it, who does something at random until `during.on` is
// false. What fails because somebody else pulled the rug is no failure; answers of the server that
// nobody can explain are kept in `during.surprises`.
import { connect as tcpConnect } from 'node:net';
import { packets, RawMqtt, topics, credentials } from '../end_to_end/lib/raw_mqtt.js';
import { openWebSocket } from '../end_to_end/lib/raw_websocket.js';

const count = (during, what) => { during.counts[what] = (during.counts[what] ?? 0) + 1; };
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function goOn(during, act) {
    while (during.on) {
        try {
            await act();
        } catch (error) {
            count(during, 'interrupted');
            // Nothing else may be the matter: the test must not hide its own mistakes.
            if (error instanceof TypeError || error instanceof ReferenceError) throw error;
            await pause(5);
        }
    }
}

// Two of these share each device, so that they take it over from each other.
export function device(hub, during, id, key, random) {
    return goOn(during, async () => {
        const client = await (random() < 0.5 ? RawMqtt.open(hub) : openWebSocket(hub));
        during.open.add(client);
        try {
            const hello = packets.connect({ ...credentials(hub, { deviceId: id, key }), clean: random() < 0.5 });
            if (random() < 0.1) {
                client.send(hello); // and gone while the credential is looked at
                return client.destroy();
            }
            // What comes behind the CONNECT waits for it.
            client.send(hello, packets.subscribe([topics.results, topics.desired]),
                        packets.publish(topics.report('first'), JSON.stringify({ n: random() })));
            const code = await client.connack();
            count(during, code === 0 ? 'connected' : 'refused');
            if (code !== 0) return undefined;
            for (let left = Math.floor(random() * 6); left > 0 && during.on; --left) {
                if (random() < 0.5) await client.getTwin();
                else await client.report({ n: random(), text: 'x'.repeat(Math.floor(random() * 2000)) });
                count(during, 'twin requests');
            }
            if (random() < 0.4) return await client.disconnect();
            if (random() < 0.5) return client.destroy();
            await Promise.race([client.closed, pause(100)]);
            return undefined;
        } finally {
            client.destroy();
            during.open.delete(client);
        }
    });
}

function expectNothingElse(during, what, answer, statuses) {
    count(during, what);
    if (during.on && !statuses.includes(answer.status))
        during.surprises.push(`${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
}

export function service(rest, during, ids, random) {
    return goOn(during, async () => {
        const id = ids[Math.floor(random() * ids.length)];
        if (random() < 0.7) {
            expectNothingElse(during, 'patches', await rest.patch(
                `/twins/${id}`, { properties: { desired: { n: random() } }, tags: { t: random() } }), [200, 404]);
        } else if (random() < 0.5) {
            expectNothingElse(during, 'reads', await rest.get(`/twins/${id}`), [200, 404]);
        } else {
            expectNothingElse(during, 'queries', await rest.post(
                '/devices/query', { query: 'SELECT * FROM devices' }), [200]);
        }
    });
}

// Disables, deletes and makes again what is connected.
export function registrar(rest, during, ids, key, random) {
    return goOn(during, async () => {
        const id = ids[Math.floor(random() * ids.length)];
        const identity = (status) => ({ deviceId: id, status, authentication: {
            symmetricKey: { primaryKey: key, secondaryKey: key } } });
        if (random() < 0.5) {
            expectNothingElse(during, 'disables', await rest.put(
                `/devices/${id}`, identity('disabled'), { 'If-Match': '*' }), [200, 404, 412]);
            expectNothingElse(during, 'enables', await rest.put(
                `/devices/${id}`, identity('enabled'), { 'If-Match': '*' }), [200, 404, 412]);
        } else {
            expectNothingElse(during, 'deletes', await rest.delete(
                `/devices/${id}`, { 'If-Match': '*' }), [204, 404]);
            expectNothingElse(during, 'creates', await rest.put(
                `/devices/${id}`, identity('enabled')), [200, 409]);
        }
        await pause(20);
    });
}

const client_hello = Buffer.from('16030100c8010000c40303' + '00'.repeat(60), 'hex');

// Opens connections and leaves them in the middle of something.
export function vanisher(hub, during, random) {
    return goOn(during, async () => {
        const socket = tcpConnect(random() < 0.5 ? hub.mqttPort : hub.httpsPort, hub.address);
        socket.on('error', () => {});
        const what = random();
        if (what < 0.3) socket.write(client_hello.subarray(0, 1 + Math.floor(random() * client_hello.length)));
        else if (what < 0.5) socket.write('GET / HTTP/1.1\r\n\r\n');
        else if (what < 0.7) {
            const client = await RawMqtt.open(hub);
            client.send(packets.connect({ clientId: 'x' }).subarray(0, 5));
            client.destroy();
        }
        await pause(random() * 20);
        if (random() < 0.5) socket.resetAndDestroy();
        else socket.destroy();
        count(during, 'vanished');
    });
}

export function operator(hub, during) {
    return goOn(during, async () => {
        hub.process.kill('SIGHUP');
        count(during, 'reloads');
        if (await hub.status('/metrics') === 200) count(during, 'metrics');
        await pause(200);
    });
}

// Counts up one number in a twin that nobody deletes; remembers the last that was confirmed.
export function counter(rest, during, id) {
    return goOn(during, async () => {
        const next = during.confirmed + 1;
        const answer = await rest.patch(`/twins/${id}`, { properties: { desired: { next } } });
        expectNothingElse(during, 'counted', answer, [200]);
        if (answer.status === 200) during.confirmed = next;
    });
}
