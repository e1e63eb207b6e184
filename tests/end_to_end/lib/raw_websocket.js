// MQTT over WebSocket without a library: a TLS connection to the service door as the socket of RawMqtt.
import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { RawMqtt } from './raw_mqtt.js';
import { withDeadline } from './wait.js';

function binaryFrame(payload) {
    const size = payload.length < 126 ? Buffer.from([0x80 | payload.length])
        : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255]);
    const mask = randomBytes(4);
    const masked = Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]));
    return Buffer.concat([Buffer.from([0x82]), size, mask, masked]);
}

// The payload of the first frame and what is behind it; undefined while it is not whole.
function unframe(bytes) {
    if (bytes.length < 2) return undefined;
    const short = bytes[1] & 127;
    let [length, at] = [short, 2];
    if (short === 126) [length, at] = [bytes.length >= 4 ? bytes.readUInt16BE(2) : Infinity, 4];
    if (short === 127) [length, at] = [bytes.length >= 10 ? Number(bytes.readBigUInt64BE(2)) : Infinity, 10];
    if (bytes.length < at + length) return undefined;
    return { opcode: bytes[0] & 15, payload: bytes.subarray(at, at + length), rest: bytes.subarray(at + length) };
}

class FramedSocket extends Duplex {
    #bytes = Buffer.alloc(0);

    constructor(socket) {
        super();
        this.socket = socket;
        socket.on('data', (data) => this.receive(data));
        socket.on('error', () => {});
        socket.once('close', () => this.destroy());
    }

    receive(data) {
        this.#bytes = Buffer.concat([this.#bytes, data]);
        for (let frame; (frame = unframe(this.#bytes)) !== undefined;) {
            this.#bytes = frame.rest;
            if (frame.opcode === 2 || frame.opcode === 0) this.push(frame.payload);
        }
    }

    setNoDelay() {}
    _read() {}
    _write(bytes, encoding, done) { this.socket.write(binaryFrame(bytes), () => done()); }
    _final(done) { this.socket.end(() => done()); }
    _destroy(error, done) {
        this.socket.destroy();
        done(error);
    }
}

// Opens the TLS connection and takes it through the WebSocket handshake.
export async function openWebSocket(hub) {
    const socket = tlsConnect({ host: hub.address, port: hub.httpsPort, ca: hub.ca, servername: hub.host });
    socket.on('error', () => {});
    socket.write(`GET /$iothub/websocket HTTP/1.1\r\nHost: ${hub.host}\r\nUpgrade: websocket\r\n`
        + 'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n'
        + `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`);
    const early = await withDeadline(new Promise((resolve, reject) => {
        let head = Buffer.alloc(0);
        const receive = (data) => {
            head = Buffer.concat([head, data]);
            const end = head.indexOf('\r\n\r\n');
            if (end < 0) return;
            socket.off('data', receive);
            socket.pause();
            if (head.toString('latin1').startsWith('HTTP/1.1 101')) resolve(head.subarray(end + 4));
            else reject(new Error('no WebSocket'));
        };
        socket.on('data', receive);
        socket.once('close', () => reject(new Error('the connection ended')));
    }), 'the WebSocket handshake').catch((error) => {
        socket.destroy();
        throw error;
    });
    const framed = new FramedSocket(socket);
    const client = new RawMqtt(framed);
    framed.receive(early);
    socket.resume();
    return client;
}
