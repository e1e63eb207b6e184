// AMQP 1.0 frame by frame: what a client library of another family puts on the wire, which rhea's own
// connections would never send. Flows and heartbeats of the hub are passed over unless they are asked for.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { connect as tlsConnect } from 'node:tls';
import rhea from 'rhea';
import { hub } from './fixture.js';
import { Inbox, withDeadline } from './wait.js';

const require = createRequire(import.meta.url);
const frames = require('rhea/lib/frames.js');
const terminus = require('rhea/lib/terminus.js');
const { message: amqp } = rhea;
const frame_payload_max = 32 * 1024;

const kinds = { 0x10: 'open', 0x11: 'begin', 0x12: 'attach', 0x13: 'flow', 0x14: 'transfer',
                0x15: 'disposition', 0x16: 'detach', 0x17: 'end', 0x18: 'close',
                0x40: 'sasl_mechanisms', 0x44: 'sasl_outcome' };
const codeOf = (performative) => Number(performative.constructor.descriptor.numeric);

export const dataOf = (text) => amqp.data_section(Buffer.from(text));
export const textOf = (message) => (message.body?.content ?? message.body ?? '').toString();
export const uuid = () => rhea.string_to_uuid(rhea.generate_uuid());

// The sections of a message in the order in which they are given, as a library writes them that has
// an order of its own: {properties}, {application_properties}, {message_annotations}, {body}.
export function encoded(...sections) {
    const empty = 4; // header, properties and body: rhea writes them always
    return Buffer.concat(sections.map((section) => {
        const bytes = amqp.encode(section.properties ?? section);
        if (section.properties) return bytes.subarray(empty, -empty);
        if (section.message_annotations) return bytes.subarray(empty, -2 * empty);
        return bytes.subarray(2 * empty, 'body' in section ? undefined : -empty);
    }));
}

export class Wire {
    #frames = new Inbox();
    #rest = Buffer.alloc(0);
    #headers = new Inbox();
    #deliveries = 0;
    #handles = new Map(); // the hub's to the client's

    static async open(t, tls = {}) {
        const wire = new Wire();
        const socket = tlsConnect({ host: hub.address, port: hub.amqpPort, ca: hub.ca,
                                    servername: hub.host, ...tls });
        wire.socket = socket;
        t.after(() => socket.destroy());
        await withDeadline(new Promise((done, fail) => {
            socket.once('secureConnect', done).once('error', fail);
        }), 'the TLS handshake');
        socket.on('data', (bytes) => wire.#read(bytes)).on('error', () => {})
            .on('close', () => wire.#frames.end());
        return wire;
    }

    #read(bytes) {
        this.#rest = Buffer.concat([this.#rest, bytes]);
        for (;;) {
            const isHeader = this.#rest.subarray(0, 4).toString() === 'AMQP';
            if (this.#rest.length < 8) return;
            const size = isHeader ? 8 : this.#rest.readUInt32BE(0);
            if (this.#rest.length < size) return;
            const piece = this.#rest.subarray(0, size);
            this.#rest = this.#rest.subarray(size);
            if (isHeader) this.#headers.put(piece[4]);
            else {
                const frame = frames.read_frame(piece);
                if (frame.performative) this.#frames.put(frame);
            }
        }
    }

    // The header of a layer, 3 = SASL, 0 = AMQP; the hub says the same.
    async header(layer) {
        this.socket.write(Buffer.from([...Buffer.from('AMQP'), layer, 1, 0, 0]));
        assert.equal(await this.#headers.take(() => true, 'the header'), layer);
    }

    // A performative by its name; `source` and `target` are addresses, null, or fields.
    send(kind, fields, { channel = 0, payload } = {}) {
        const sent = { ...fields };
        for (const end of ['source', 'target'])
            if (end in sent) {
                const { [end]: value } = sent;
                const known = typeof value === 'string' ? { address: value } : value ?? {};
                sent[end] = terminus[end](known).described();
            }
        const performative = frames[kind](sent).described();
        this.socket.write(frames.write_frame(kind.startsWith('sasl') ? frames.sasl_frame(performative)
            : frames.amqp_frame(channel, performative, payload)));
    }

    // A message on a link, in as many frames as it takes; gives its delivery id.
    transfer(handle, payload, { settled, format = 0, tag, channel = 0 } = {}) {
        const delivery_id = this.#deliveries++;
        const first = { delivery_id, message_format: format,
                        delivery_tag: tag ?? Buffer.from(String(delivery_id)) };
        for (let at = 0; at === 0 || at < payload.length; at += frame_payload_max)
            this.send('transfer', { handle, settled, more: at + frame_payload_max < payload.length,
                                    ...(at === 0 && first) },
                      { channel, payload: payload.subarray(at, at + frame_payload_max) });
        return delivery_id;
    }

    // The hub's next performative: this one, with these fields. Gives it, with its message.
    async next(kind, fields = {}) {
        const frame = await this.#frames.take(
            ({ performative }) => kind === 'flow' || kinds[codeOf(performative)] !== 'flow',
            `the hub's ${kind}`);
        const { performative, payload } = frame;
        assert.equal(kinds[codeOf(performative)], kind, JSON.stringify(performative));
        if (['transfer', 'flow', 'detach'].includes(kind))
            performative.handle = this.#handles.get(performative.handle);
        const shown = { ...Object.fromEntries(Object.keys(fields).map(
            (name) => [name, performative[name]])) };
        for (const end of ['source', 'target'])
            if (end in shown) shown[end] = terminus.unwrap(shown[end])?.address;
        if ('state' in shown) shown.state = Number(shown.state?.descriptor?.value);
        assert.deepEqual(shown, fields, kind);
        return { performative, channel: frame.channel, message: payload && amqp.decode(payload) };
    }

    // Attaches a link, with credit when it receives.
    async attach(fields, { channel = 0, credit = 0 } = {}) {
        this.send('attach', fields, { channel });
        const { performative } = await this.next('attach', { name: fields.name, role: !fields.role });
        this.#handles.set(performative.handle, fields.handle);
        if (credit > 0)
            this.send('flow', { next_incoming_id: 0, incoming_window: 100, next_outgoing_id: 0,
                                outgoing_window: 100, handle: fields.handle, delivery_count: 0,
                                link_credit: credit }, { channel });
        return performative;
    }

    accept(delivery_id, fields = { settled: true }) {
        this.send('disposition', { role: true, first: delivery_id, last: delivery_id,
                                   state: amqp.accepted().described(), ...fields });
    }

    async close() {
        this.send('close', {});
        await this.next('close');
    }
}
