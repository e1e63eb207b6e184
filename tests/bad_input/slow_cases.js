// Clients that are slow, silent or speak no TLS. The slow ones begin before all other cases and are
// looked at after them, so that the hub's patience costs no time of its own.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

const patience_milliseconds = 60_000;
const silent_clients = 100;

// Each begins with `begin`, which returns what has to be closed by the hub in the end.
export const slow = {
    'TCP connections that never speak': (harness) => Promise.all(
        ports(harness).flatMap((port) => times(silent_clients, () => harness.tcp(port)))),
    'TLS connections that never speak': (harness) => Promise.all(
        ports(harness).flatMap((port) => times(silent_clients, () => harness.tls(port)))),
    'half a TLS greeting': (harness) => Promise.all(ports(harness).map(async (port) => {
        const wire = await harness.tcp(port);
        wire.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);
        return wire;
    })),
    'half an MQTT CONNECT': async (harness) => {
        const wire = await harness.tls(harness.hub.mqttPort);
        wire.send([0x10, 0x40, 0x00, 0x04, 0x4d]);
        return [wire];
    },
    'HTTP headers that come letter by letter': async (harness) => [drip(
        await harness.https(), 'GET /devices?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n',
        'X-Slow: a\r\n')],
    'an HTTP body that comes letter by letter': async (harness) => [drip(
        await harness.https(), 'PATCH /twins/target?api-version=2021-04-12 HTTP/1.1\r\n'
            + `Host: localhost\r\nAuthorization: ${harness.rest.token()}\r\n`
            + 'Content-Type: application/json\r\nContent-Length: 50000\r\n\r\n', ' ')],
    'a WebSocket that never sends MQTT': async (harness) => {
        const wire = await harness.https();
        wire.send('GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'
            + 'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n'
            + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
        assert.equal(await wire.httpStatus(), 101);
        return [wire];
    },
};

const ports = ({ hub }) => [hub.httpsPort, hub.mqttPort];
const times = (count, make) => Array.from({ length: count }, make);

// Sends `start` and then a little more, again and again, until the hub has enough.
function drip(wire, start, more) {
    wire.send(start);
    const timer = setInterval(() => wire.send(more), 250);
    wire.closed.then(() => clearInterval(timer));
    return wire;
}

export async function assertCutOff(wires) {
    await Promise.all(wires.map((wire) => wire.waitClosed(patience_milliseconds)));
}

export function tlsCases() {
    const cases = [];
    const add = (name, run) => cases.push({ name: `TLS: ${name}`, run });
    const spoken = {
        'plain HTTP': 'GET /devices?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n\r\n',
        'plain MQTT': Buffer.from('100c00044d5154540402003c0000', 'hex'),
        'random bytes': randomBytes(50_000),
        'a record longer than allowed': Buffer.concat([
            Buffer.from([0x16, 0x03, 0x01, 0xff, 0xff]), Buffer.alloc(65535)]),
        'an alert': Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28]),
        'an SSL 2 greeting': Buffer.from([0x80, 0x2e, 0x01, 0x00, 0x02, ...Array(43).fill(0)]),
    };
    for (const [what, bytes] of Object.entries(spoken))
        add(`${what} on a TLS port ends the connection`, async (harness) => {
            for (const port of ports(harness)) {
                const wire = await harness.tcp(port);
                wire.send(bytes);
                await wire.waitClosed();
            }
        });

    for (const version of ['TLSv1', 'TLSv1.1'])
        add(`${version} is refused`, async (harness) => {
            for (const port of ports(harness))
                await assert.rejects(harness.tls(port, {
                    minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }));
        });

    for (const version of ['TLSv1.2', 'TLSv1.3'])
        add(`${version} is spoken`, async (harness) => {
            for (const port of ports(harness)) {
                const wire = await harness.tls(port, { minVersion: version, maxVersion: version });
                assert.equal(wire.socket.getProtocol(), version);
                wire.destroy();
            }
        });

    add('connections that come and go at once do no harm', async (harness) => {
        for (let turn = 0; turn < 10; turn++) {
            const wires = await Promise.all(ports(harness).flatMap((port) =>
                times(30, () => harness.tcp(port))));
            for (const wire of wires) wire.destroy();
        }
    });
    return cases;
}
