// Plays recorded MQTT conversations against the hub: files in conversations/, a packet a line.
//
//   > CONNECT id=.. user=.. password=.. clean=0 keep-alive=240       the client sends
//   < CONNACK session=0 code=0                                       the hub must send, byte for byte
//   > SUBSCRIBE 1 $iothub/twin/res/#:0 $iothub/methods/POST/#:0
//   < SUBACK 1 0 0
//   > PUBLISH q1:7 devices/{device}/messages/events/a=b | text       QoS 1 with packet id 7
//   < PUBLISH q0 $iothub/twin/res/200/?$rid=1 | {"desired":..
//   > PUBACK 7, PINGREQ, DISCONNECT, UNSUBSCRIBE 2 FILTER ..
//   < closed                                                         the hub ends the connection
//   * desired {"a":1}                                                what the back end does
//   # a remark
//
// {device}, {module}, {host}, {token:SPELLING}, .. are filled in; what the hub chooses is named when it
// is first seen, {name=PATTERN}, and known as {name} from then on. `< any order` before a line lets it
// change places with the next one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect as tlsConnect } from 'node:tls';
import { packet, packets, parse, text } from './raw_mqtt.js';
import { Inbox, withDeadline } from './wait.js';

const uint16 = (value) => Buffer.from([value >> 8, value & 255]);

// "id=b user=d" as an object; a value goes on to the next of these names.
function named(words) {
    const found = [...words.matchAll(/(?:^| )(id|user|password|clean|keep-alive|session|code)=/g)];
    return Object.fromEntries(found.map((match, i) => [
        match[1], words.slice(match.index + match[0].length, found[i + 1]?.index)]));
}

function toSend(kind, rest) {
    const words = rest.split(' ').filter(Boolean);
    switch (kind) {
        case 'CONNECT': {
            const { id, user, password, clean, 'keep-alive': keepAlive } = named(rest);
            return packets.connect({ clientId: id, user, password, clean: clean === '1',
                                     keepAlive: Number(keepAlive) });
        }
        case 'SUBSCRIBE':
            return packet(0x82, uint16(Number(words[0])), ...words.slice(1).flatMap((filter) => {
                const colon = filter.lastIndexOf(':');
                return [text(filter.slice(0, colon)), Buffer.from([Number(filter.slice(colon + 1))])];
            }));
        case 'UNSUBSCRIBE': return packets.unsubscribe(words.slice(1), Number(words[0]));
        case 'PUBLISH': {
            const { topic, payload, qos, id } = publication(rest);
            return packets.publish(topic, payload, { qos, id });
        }
        case 'PUBACK': return packets.puback(Number(words[0]));
        case 'PINGREQ': return packets.pingreq();
        case 'DISCONNECT': return packets.disconnect();
        default: throw new Error(`no client sends ${kind}`);
    }
}

function publication(rest) {
    const match = /^q([01])(?::(\S+))? (.*?) \|(?: (.*))?$/.exec(rest);
    if (!match) throw new Error(`not a PUBLISH: ${rest}`);
    return { qos: Number(match[1]), id: Number(match[2] ?? 1), topic: match[3],
             payload: match[4] ?? '' };
}

// A packet of the hub as a line of the files.
function shown(bytes) {
    const { type, flags, body } = parse(bytes);
    switch (type) {
        case 2: return `CONNACK session=${body[0]} code=${body[1]}`;
        case 3: {
            const qos = (flags >> 1) & 3;
            const end = 2 + body.readUInt16BE(0);
            const id = qos > 0 ? `:${body.readUInt16BE(end)}` : '';
            const payload = body.subarray(end + (qos > 0 ? 2 : 0)).toString();
            return `PUBLISH q${qos}${id}${flags & 8 ? ' dup' : ''} ${body.subarray(2, end)} |`
                + (payload ? ` ${payload}` : '');
        }
        case 4: return `PUBACK ${body.readUInt16BE(0)}`;
        case 9: return `SUBACK ${body.readUInt16BE(0)} ${[...body.subarray(2)].join(' ')}`;
        case 11: return `UNSUBACK ${body.readUInt16BE(0)}`;
        case 13: return 'PINGRESP';
        default: return `type ${type} ${body.toString('hex')}`;
    }
}

// What the hub has to send for a line without open names: the shortest form, nothing else.
function canonical(line) {
    const [, kind, rest = ''] = /^(\S+) ?(.*)$/.exec(line);
    const numbers = rest.split(' ').map(Number);
    switch (kind) {
        case 'CONNACK': {
            const { session, code } = named(rest);
            return packet(0x20, Buffer.from([Number(session), Number(code)]));
        }
        case 'PUBLISH': {
            const { topic, payload, qos, id } = publication(rest.replace(/^(q\S+) dup /, '$1 '));
            return packets.publish(topic, payload, { qos, id, dup: / dup /.test(` ${rest} `) });
        }
        case 'PUBACK': return packets.puback(numbers[0]);
        case 'SUBACK': return packet(0x90, uint16(numbers[0]), Buffer.from(numbers.slice(1)));
        case 'UNSUBACK': return packet(0xb0, uint16(numbers[0]));
        case 'PINGRESP': return Buffer.from([0xd0, 0]);
        default: throw new Error(`the hub does not send ${kind}`);
    }
}

class Connection {
    packets = new Inbox(); // bytes, one packet each
    #rest = Buffer.alloc(0);

    static async open(hub, options) {
        const connection = new Connection();
        const socket = tlsConnect({ host: hub.address, port: hub.mqttPort, ca: hub.ca,
                                    servername: hub.host, ...options });
        connection.socket = socket;
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('close', () => connection.packets.end());
        socket.on('data', (data) => connection.#take(data));
        await withDeadline(new Promise((done, fail) => {
            socket.once('secureConnect', done);
            socket.once('error', fail);
        }), 'the TLS handshake');
        return connection;
    }

    #take(data) {
        this.#rest = Buffer.concat([this.#rest, data]);
        for (let found; (found = parse(this.#rest)) !== undefined;) {
            const length = this.#rest.length - found.rest.length;
            this.packets.put(this.#rest.subarray(0, length));
            this.#rest = found.rest;
        }
    }
}

const escaped = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

export class Player {
    // `names`: what stands for {name}; `actions`: what `* name text` does; `tls`: of the connection.
    constructor(hub, { names, actions = {}, tls = {} }) {
        Object.assign(this, { hub, names: { host: hub.host, ...names }, actions, tls });
    }

    #fill(line) {
        return line.replace(/\{([a-z][a-z0-9:-]*)\}/gi, (whole, name) => {
            const value = this.names[name];
            return value === undefined ? whole : typeof value === 'function' ? value() : value;
        });
    }

    // The line as an expression, with a group for each name that is new in it.
    #expression(line) {
        const names = [];
        let source = '';
        let at = 0;
        for (const match of line.matchAll(/\{([a-z][a-z0-9]*)=([^}]*)\}/gi)) {
            source += escaped(line.slice(at, match.index)) + `(${match[2]})`;
            names.push(match[1]);
            at = match.index + match[0].length;
        }
        return { names, pattern: new RegExp(`^${source}${escaped(line.slice(at))}$`, 's') };
    }

    async #expect(lines, where) {
        const open = lines.map((line) => this.#fill(line));
        while (open.length > 0) {
            const bytes = await this.connection.packets.take(() => true, `${where}: ${open[0]}`);
            const line = shown(bytes);
            const index = open.findIndex((each) => this.#expression(each).pattern.test(line));
            assert.ok(index >= 0, `${where}:\n  expected ${open.join('\n        or ')}\n       got ${line}`);
            const { names, pattern } = this.#expression(open[index]);
            pattern.exec(line).slice(1).forEach((value, i) => { this.names[names[i]] = value; });
            assert.equal(bytes.toString('hex'), canonical(line).toString('hex'), where);
            open.splice(index, 1);
        }
    }

    async #expectClosed(where) {
        const more = await this.connection.packets.take(() => true, 'the end').then(
            (bytes) => shown(bytes), (error) => { if (error.code !== 'ECONNRESET') throw error; });
        assert.equal(more, undefined, `${where}: the hub says more before it closes`);
    }

    async play(name) {
        const file = new URL(`../conversations/${name}.txt`, import.meta.url);
        const lines = readFileSync(file, 'utf8').split('\n');
        let together = [];
        let collecting = false;
        for (const [i, line] of lines.entries()) {
            const where = `${name}.txt:${i + 1}`;
            const [, mark, rest] = /^([><*#]?) ?(.*)$/.exec(line);
            if (mark === '#' || line.trim() === '') continue;
            if (mark === '<') {
                if (rest === 'any order') { collecting = true; continue; }
                if (rest === 'closed') { await this.#expectClosed(where); continue; }
                together.push(rest);
                if (collecting) { collecting = false; continue; }
                await this.#expect(together.splice(0), where);
            } else if (mark === '>') {
                const [, kind, words] = /^(\S+) ?(.*)$/.exec(this.#fill(rest));
                if (kind === 'CONNECT') this.connection = await Connection.open(this.hub, this.tls);
                this.connection.socket.write(toSend(kind, words));
                // An orderly end, and with it the socket's.
                if (kind === 'DISCONNECT') await this.#expectClosed(where);
            } else if (mark === '*') {
                const [, action, words] = /^(\S+) ?(.*)$/.exec(this.#fill(rest));
                await this.actions[action](words);
            } else {
                throw new Error(`${where}: what is this?`);
            }
        }
    }

    end() { this.connection?.socket.destroy(); }
}
