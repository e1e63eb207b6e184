// MQTT 3.1.1 by hand, for what no SDK would send. Packets are made by functions that return bytes.
import { connect as tlsConnect } from 'node:tls';
import { Inbox, withDeadline } from './wait.js';
import { sasToken } from './sas.js';

const uint16 = (value) => Buffer.from([value >> 8, value & 255]);
export const text = (value) => {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value);
    return Buffer.concat([uint16(bytes.length), bytes]);
};

export function remainingLength(length) {
    const bytes = [];
    do {
        bytes.push((length % 128) | (length >= 128 ? 128 : 0));
        length = Math.floor(length / 128);
    } while (length > 0);
    return Buffer.from(bytes);
}

export function packet(firstByte, ...parts) {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([firstByte]), remainingLength(body.length), body]);
}

export const packets = {
    connect: ({ clientId, user, password, clean = false, keepAlive = 60, protocol = 'MQTT',
                level = 4, will, flags }) => {
        const bits = flags ?? ((user !== undefined ? 0x80 : 0) | (password !== undefined ? 0x40 : 0)
            | (will ? 0x04 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0) : 0)
            | (clean ? 0x02 : 0));
        return packet(0x10, text(protocol), Buffer.from([level, bits]), uint16(keepAlive),
                      text(clientId), ...(will ? [text(will.topic), text(will.payload)] : []),
                      ...(user !== undefined ? [text(user)] : []),
                      ...(password !== undefined ? [text(password)] : []));
    },
    publish: (topic, payload = '', { qos = 0, id = 1, retain = false, dup = false } = {}) =>
        packet(0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), text(topic),
               ...(qos > 0 ? [uint16(id)] : []), Buffer.from(payload)),
    subscribe: (filters, id = 1, qos = 0) =>
        packet(0x82, uint16(id), ...[filters].flat().flatMap(
            (filter) => [text(filter), Buffer.from([qos])])),
    unsubscribe: (filters, id = 1) => packet(0xa2, uint16(id), ...[filters].flat().map(text)),
    puback: (id) => packet(0x40, uint16(id)),
    pingreq: () => Buffer.from([0xc0, 0]),
    disconnect: () => Buffer.from([0xe0, 0]),
};

export const topics = {
    results: '$iothub/twin/res/#',
    desired: '$iothub/twin/PATCH/properties/desired/#',
    get: (rid) => `$iothub/twin/GET/?$rid=${rid}`,
    report: (rid, version) => `$iothub/twin/PATCH/properties/reported/?$rid=${rid}`
        + (version === undefined ? '' : `&$version=${version}`),
};

// User name and password as the SDKs make them from the identity's key.
export function credentials(hub, { deviceId, moduleId, key, policy, resource, expiry }) {
    const clientId = moduleId ? `${deviceId}/${moduleId}` : deviceId;
    const path = `${hub.host}/devices/${deviceId}${moduleId ? `/modules/${moduleId}` : ''}`;
    return {
        clientId, user: `${hub.host}/${clientId}/?api-version=2021-04-12`,
        password: key && sasToken({ resource: resource ?? path, key, policy, expiry }),
    };
}

// The packet at the front of `bytes`; nothing while it is not whole.
export function parse(bytes) {
    let length = 0;
    let at = 1;
    for (let shift = 0; ; shift += 7) {
        if (at >= bytes.length) return undefined;
        const byte = bytes[at++];
        length += (byte & 127) * 2 ** shift;
        if (byte < 128) break;
    }
    if (bytes.length < at + length) return undefined;
    return { type: bytes[0] >> 4, flags: bytes[0] & 15, body: bytes.subarray(at, at + length),
             rest: bytes.subarray(at + length) };
}

export const types = { connack: 2, publish: 3, puback: 4, suback: 9, unsuback: 11, pingresp: 13 };

export class RawMqtt {
    received = new Inbox();  // packets other than PUBLISH
    published = new Inbox(); // {topic, payload, qos, dup, id}
    #bytes = Buffer.alloc(0);
    #requests = 0;

    static async open(hub, tlsOptions = {}) {
        const socket = tlsConnect({ host: hub.address, port: hub.mqttPort, ca: hub.ca,
                                    servername: hub.host, ...tlsOptions });
        const client = new RawMqtt(socket);
        await withDeadline(new Promise((resolve, reject) => {
            socket.once('secureConnect', resolve);
            socket.once('error', reject);
        }), 'the TLS handshake');
        return client;
    }

    // Opens and connects; throws when the hub refuses.
    static async connect(hub, connectOptions, tlsOptions) {
        const client = await RawMqtt.open(hub, tlsOptions);
        client.send(packets.connect(connectOptions));
        const code = await client.connack();
        if (code !== 0) throw new Error(`CONNACK ${code}`);
        return client;
    }

    constructor(socket) {
        this.socket = socket;
        this.closed = new Promise((resolve) => socket.once('close', () => {
            this.received.end();
            this.published.end();
            resolve(true);
        }));
        socket.setNoDelay(true);
        socket.on('error', () => {}); // a reset shows as `closed`
        socket.on('data', (data) => this.#receive(data));
    }

    #receive(data) {
        this.#bytes = Buffer.concat([this.#bytes, data]);
        for (let found; (found = parse(this.#bytes)) !== undefined;) {
            this.#bytes = found.rest;
            if (found.type !== types.publish) {
                this.received.put(found);
                continue;
            }
            const qos = (found.flags >> 1) & 3;
            const end = 2 + found.body.readUInt16BE(0);
            this.published.put({ qos, topic: found.body.subarray(2, end).toString(),
                                 payload: found.body.subarray(end + (qos > 0 ? 2 : 0)),
                                 dup: (found.flags & 8) !== 0,
                                 ...(qos > 0 ? { id: found.body.readUInt16BE(end) } : {}) });
        }
    }

    send(...packetBytes) { this.socket.write(Buffer.concat(packetBytes)); }

    // The return code; 'closed' when the connection ended without one.
    async connack() {
        let answer;
        try {
            answer = await this.received.take((p) => p.type === types.connack, 'CONNACK');
        } catch (error) {
            if (error.code === 'ECONNRESET') return 'closed';
            throw error;
        }
        this.sessionPresent = answer.body[0] === 1;
        return answer.body[1];
    }

    async subscribe(filters, { id = 1, qos = 0 } = {}) {
        this.send(packets.subscribe(filters, id, qos));
        const suback = await this.received.take((p) => p.type === types.suback, 'SUBACK');
        return [...suback.body.subarray(2)];
    }

    async ping() {
        this.send(packets.pingreq());
        await this.received.take((p) => p.type === types.pingresp, 'PINGRESP');
    }

    // A twin request; needs a subscription to topics.results.
    async #request(topicOf, payload) {
        const rid = `r${++this.#requests}`;
        this.send(packets.publish(topicOf(rid), payload));
        const answer = await this.published.take(
            (p) => new RegExp(`^\\$iothub/twin/res/\\d{3}/\\?\\$rid=${rid}(&|$)`).test(p.topic),
            `the answer to ${topicOf(rid)}`);
        const version = /&\$version=(\d+)$/.exec(answer.topic);
        return { status: Number(answer.topic.split('/')[3]), topic: answer.topic,
                 version: version ? Number(version[1]) : undefined,
                 payload: answer.payload,
                 json: answer.payload.length ? JSON.parse(answer.payload) : undefined };
    }

    getTwin() { return this.#request(topics.get, ' '); }

    report(patch, base) {
        const payload = typeof patch === 'string' || Buffer.isBuffer(patch)
            ? patch : JSON.stringify(patch);
        return this.#request((rid) => topics.report(rid, base), payload);
    }

    waitClosed(what = 'the hub to close the connection') {
        return withDeadline(this.closed, what);
    }

    disconnect() {
        this.socket.end(packets.disconnect());
        return this.waitClosed('the end of the connection');
    }

    destroy() { this.socket.destroy(); }
}
