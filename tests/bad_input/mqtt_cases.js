// Hostile MQTT (specification: device-protocols 1.2, 1.3, 1.8, 2.1 and MQTT 3.1.1).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { credentials, packet, packets, text, topics } from '../end_to_end/lib/raw_mqtt.js';

const bytes = (...values) => Buffer.from(values);
const id1 = bytes(0, 1);

// Sent instead of CONNECT; the answer is a CONNACK code or 'closed'.
const strangers = {
    'random bytes': [() => randomBytes(65536), ['closed']],
    'packet type 0': [() => packet(0x00), ['closed']],
    'packet type 15': [() => packet(0xf0), ['closed']],
    'PINGREQ first': [() => packets.pingreq(), ['closed']],
    'PUBLISH first': [() => packets.publish('a', 'b'), ['closed']],
    'a server packet first': [() => packet(0x20, bytes(0, 0)), ['closed']],
    'CONNECT with reserved header flags': [({ good }) => patched(good, 0, 0x11), ['closed']],
    'CONNECT with the reserved connect flag': [({ login }) =>
        packets.connect({ ...login, flags: 0xc3 }), ['closed']],
    'CONNECT with will QoS 3': [({ login }) =>
        packets.connect({ ...login, will: { topic: 'a', payload: 'b', qos: 3 } }), ['closed', 5]],
    'CONNECT with a password and no user name': [({ login }) =>
        packets.connect({ clientId: login.clientId, password: 'x' }), ['closed', 5]],
    'CONNECT of another protocol': [({ login }) =>
        packets.connect({ ...login, protocol: 'HTTP' }), ['closed', 1]],
    'CONNECT with an empty client id': [({ login }) =>
        packets.connect({ ...login, clientId: '' }), [5]],
    'CONNECT with a client id of 65535 bytes': [({ login }) =>
        packets.connect({ ...login, clientId: 'c'.repeat(65535) }), ['closed', 5]],
    'CONNECT with a user name of 65535 bytes': [({ login }) =>
        packets.connect({ ...login, user: 'u'.repeat(65535) }), ['closed', 5]],
    'CONNECT with a password of 65535 bytes': [({ login }) =>
        packets.connect({ ...login, password: 'p'.repeat(65535) }), ['closed', 5]],
    'CONNECT with a client id that is no UTF-8': [({ login }) =>
        packets.connect({ ...login, clientId: bytes(0xc3, 0x28) }), ['closed']],
    'CONNECT with a zero character': [({ login }) =>
        packets.connect({ ...login, clientId: 'a\0b' }), ['closed']],
    'CONNECT with a surrogate': [({ login }) =>
        packets.connect({ ...login, clientId: bytes(0xed, 0xa0, 0x80) }), ['closed']],
    'CONNECT with bytes left over': [({ good }) => withExtra(good), ['closed']],
    'CONNECT whose lengths go beyond it': [() =>
        packet(0x10, text('MQTT'), bytes(4, 0xc2, 0, 60), bytes(0xff, 0xff), bytes(65)), ['closed']],
    'a remaining length of five bytes': [() => bytes(0x10, 0xff, 0xff, 0xff, 0xff, 0x01), ['closed']],
    'a remaining length of 256 MB': [() =>
        Buffer.concat([bytes(0x10, 0xff, 0xff, 0xff, 0x7f), Buffer.alloc(1 << 20)]), ['closed']],
    'an empty packet of type CONNECT': [() => packet(0x10), ['closed']],
};

function patched(original, at, value) {
    const copy = Buffer.from(original);
    copy[at] = value;
    return copy;
}

// The same CONNECT, one byte longer inside.
function withExtra(connect) {
    let at = 1;
    while (connect[at] & 128) at += 1;
    return packet(0x10, connect.subarray(at + 1), bytes(0));
}

// Sent by a device that is connected; each has to end its connection.
const telemetry = 'devices/target/messages/events/';
const crimes = {
    'QoS 2': () => packets.publish(telemetry, 'x', { qos: 2 }),
    'QoS 3': () => packets.publish(telemetry, 'x', { qos: 3 }),
    'packet id 0': () => packets.publish(telemetry, 'x', { qos: 1, id: 0 }),
    'an empty topic': () => packets.publish('', 'x'),
    'the wildcard # in a topic': () => packets.publish(`${telemetry}#`, 'x'),
    'the wildcard + in a topic': () => packets.publish('devices/+/messages/events/', 'x'),
    'a topic that is no UTF-8': () => packets.publish(bytes(0x24, 0xff, 0xfe), 'x'),
    'a zero character in a topic': () => packets.publish(`${telemetry}\0`, 'x'),
    'a foreign topic': () => packets.publish('a/b/c', 'x'),
    "another device's topic": () => packets.publish('devices/witness/messages/events/', 'x'),
    "the hub's own topic": () => packets.publish('$iothub/twin/res/200/?$rid=1', '{}'),
    'a topic longer than its packet': () => packet(0x30, bytes(0xff, 0xff), Buffer.from('abc')),
    'a QoS 1 packet without id': () => packet(0x32, text(telemetry)),
    'SUBSCRIBE with wrong flags': () => packet(0x80, id1, text('a'), bytes(0)),
    'SUBSCRIBE with packet id 0': () => packet(0x82, bytes(0, 0), text('a'), bytes(0)),
    'SUBSCRIBE without filters': () => packet(0x82, id1),
    'SUBSCRIBE with QoS 3': () => packet(0x82, id1, text('a'), bytes(3)),
    'SUBSCRIBE cut inside': () => packet(0x82, id1, bytes(0, 9), Buffer.from('abc')),
    'SUBSCRIBE with a filter that is no UTF-8': () =>
        packet(0x82, id1, text(bytes(0xff, 0xff)), bytes(0)),
    'UNSUBSCRIBE without filters': () => packet(0xa2, id1),
    'UNSUBSCRIBE with wrong flags': () => packet(0xa0, id1, text('a')),
    'PINGREQ with a body': () => packet(0xc0, bytes(1)),
    'PINGREQ with flags': () => packet(0xc1),
    'DISCONNECT with flags': () => packet(0xe1),
    'PUBACK with a short body': () => packet(0x40, bytes(1)),
    PUBREC: () => packet(0x50, id1),
    PUBREL: () => packet(0x62, id1),
    PUBCOMP: () => packet(0x70, id1),
    CONNACK: () => packet(0x20, bytes(0, 0)),
    SUBACK: () => packet(0x90, id1, bytes(0)),
    PINGRESP: () => packet(0xd0),
    'packet type 0': () => packet(0x00),
    'packet type 15': () => packet(0xf0),
    'a second CONNECT': ({ good }) => good,
    'a remaining length of 256 MB': () => bytes(0x30, 0xff, 0xff, 0xff, 0x7f),
    'a remaining length of five bytes': () => bytes(0x30, 0x80, 0x80, 0x80, 0x80, 0x01),
    'a payload of 1 MB': () => packets.publish(telemetry, Buffer.alloc(1 << 20)),
    'a twin request without request id': () => packets.publish('$iothub/twin/GET/', ' '),
    'a request id of 300 bytes': () => packets.publish(topics.get('r'.repeat(300)), ' '),
    'random bytes after a good packet': () => Buffer.concat([packets.pingreq(), bytes(0xf7), randomBytes(9999)]),
};

// Reported patches that have to be refused, leaving the connection alone.
const bad_patches = {
    'nothing at all': '', 'a cut object': '{"a":', 'a list': '[]', 'a number': '1', null: 'null',
    'two documents': '{}{}', 'a comment': '{/**/}', 'a comma too many': '{"a":1,}',
    'single quotes': "{'a':1}", 'not a number': '{"a":NaN}', infinity: '{"a":Infinity}',
    'an exponent out of range': '{"a":1e999}', 'a leading zero': '{"a":01}',
    'a number of 20000 digits': `{"a":${'9'.repeat(20000)}}`,
    'duplicate names': '{"a":1,"a":1}', 'duplicate names by escape': '{"a":1,"\\u0061":1}',
    'duplicate names inside': '{"o":{"x":1,"x":2}}',
    'no UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    'an overlong encoding': Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
    'a lone surrogate escape': '{"a":"\\ud800"}', 'a zero byte': '{"a":"\0"}',
    'a name with an escaped control character': '{"\\u0001":1}',
    'objects 9000 deep': '{"a":'.repeat(9000) + '1' + '}'.repeat(9000),
    'lists 30000 deep': '{"a":' + '['.repeat(30000) + ']'.repeat(30000) + '}',
    'unclosed lists 60000 deep': '{"a":' + '['.repeat(60000),
    '3500 members': JSON.stringify(Object.fromEntries(
        Array.from({ length: 3500 }, (_, i) => [`member${i}`, i]))),
    // Larger than any body that could be stored: refused before it is parsed, as too large.
    'lists 100000 deep': '{"a":' + '['.repeat(100_000) + ']'.repeat(100_000) + '}',
    'a text of 200 KB': JSON.stringify({ a: 'v'.repeat(200_000) }),
};

export function mqttCases() {
    const cases = [];
    const add = (name, run) => cases.push({ name: `MQTT: ${name}`, run });
    const loginOf = ({ hub, device }) => {
        const login = credentials(hub, device);
        return { login, good: packets.connect(login) };
    };

    for (const [what, [make, expected]] of Object.entries(strangers))
        add(`${what} instead of CONNECT`, async (harness) => {
            const client = await harness.openMqtt();
            client.send(make(loginOf(harness)));
            const code = await client.connack();
            assert.ok(expected.includes(code), `CONNACK ${code}`);
            await client.waitClosed();
        });

    for (const [what, make] of Object.entries(crimes))
        add(`${what} ends the connection`, async (harness) => {
            const client = await harness.connect();
            client.send(make(loginOf(harness)));
            await client.waitClosed();
        });

    for (const [what, patch] of Object.entries(bad_patches))
        add(`a report of ${what} is refused`, async (harness) => {
            const client = await harness.connect();
            await client.subscribe(topics.results);
            const before = (await client.getTwin()).json;
            const { status, json } = await client.report(patch);
            assert.equal(status, patch.length > 65536 ? 413 : 400);
            assert.equal(Math.floor(json.errorCode / 1000), status);
            assert.deepEqual((await client.getTwin()).json, before, 'nothing was stored');
            await client.disconnect();
        });

    add('CONNECT cut at every byte, then the end', async (harness) => {
        const { good } = loginOf(harness);
        for (let length = 1; length < good.length; length += 7) {
            const client = await harness.openMqtt();
            client.socket.end(good.subarray(0, length));
            await client.waitClosed();
        }
    });

    add('a whole conversation byte by byte', async (harness) => {
        const { good } = loginOf(harness);
        const client = await harness.openMqtt();
        for (const byte of Buffer.concat([good, packets.subscribe(topics.results),
                                          packets.publish(topics.get('1'), ' ')]))
            client.send(Buffer.from([byte]));
        assert.equal(await client.connack(), 0);
        assert.equal((await client.published.take()).topic, '$iothub/twin/res/200/?$rid=1');
        client.destroy();
    });

    add('a thousand filters in one SUBSCRIBE are answered or refused', async (harness) => {
        const client = await harness.connect();
        client.send(packets.subscribe(Array.from({ length: 1000 }, (_, i) => `filter/${i}`)));
        await Promise.race([client.ping(), client.closed]);
        client.destroy();
    });

    add('a device that asks and never reads does not fill the memory', async (harness) => {
        const client = await harness.connect();
        await client.subscribe(topics.results);
        client.socket.pause();
        const request = Buffer.concat(Array.from({ length: 1000 }, (_, i) =>
            packets.publish(topics.get(i), ' ')));
        let sent = 0;
        client.socket.on('error', () => {});
        while (sent < 300 && !client.socket.destroyed && client.socket.writableLength < 1 << 22) {
            client.socket.write(request);
            sent += 1;
            await harness.witness.ping();
        }
        await harness.assertServes();
        client.destroy();
    });

    add('a hundred connections of one device at once leave one', async (harness) => {
        const clients = await Promise.all(Array.from({ length: 100 }, async () => {
            const client = await harness.openMqtt();
            client.send(loginOf(harness).good);
            return client;
        }));
        let open = clients.length;
        for (const client of clients) client.closed.then(() => { open -= 1; });
        await Promise.all(clients.map((client) => Promise.race([client.connack(), client.closed])));
        const last = await harness.connect();
        await Promise.all(clients.map((client) => client.waitClosed()));
        assert.equal(open, 0);
        await last.ping();
        last.destroy();
    });

    return cases;
}
