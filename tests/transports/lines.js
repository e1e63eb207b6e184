// One connection of a device over any transport: subscribed to desired changes, able to read its twin.
// What it sees goes to its observer in the order in which the hub sent it.
import { credentials, packets, RawMqtt, topics, types } from '../end_to_end/lib/raw_mqtt.js';
import { RawAmqp } from '../end_to_end/lib/raw_amqp.js';
import { openWebSocket } from '../end_to_end/lib/raw_websocket.js';
import { withDeadline } from '../end_to_end/lib/wait.js';

class MqttLine {
    #reads = 0;

    constructor(raw) { this.raw = raw; }

    // `remembered`: filters that the hub holds for the device in its session.
    static async open(hub, identity, { websocket, clean, remembered }) {
        const raw = websocket ? await openWebSocket(hub) : await RawMqtt.open(hub);
        const line = new MqttLine(raw);
        raw.send(packets.connect({ ...credentials(hub, identity), clean }));
        const code = await raw.connack().catch(() => 'closed');
        if (code !== 0) {
            raw.destroy();
            throw Object.assign(new Error(`CONNACK ${code}`), { refused: code !== 'closed' });
        }
        // Some, like Python's, leave it at what the session remembers.
        line.mustSubscribe = !raw.sessionPresent || !remembered;
        return line;
    }

    get closed() { return this.raw.closed; }

    async begin(observer) {
        this.#observe(observer);
        if (!this.mustSubscribe) return;
        this.raw.send(packets.subscribe([topics.results, topics.desired], 1));
        await this.raw.received.take((packet) => packet.type === types.suback, 'SUBACK');
    }

    async #observe(observer) {
        for (;;) {
            let message;
            try { message = await this.raw.published.take(() => true, 'news', 3_600_000); }
            catch { return; }
            const change = /^\$iothub\/twin\/PATCH\/properties\/desired\/\?\$version=(\d+)$/.exec(message.topic);
            const body = JSON.parse(message.payload);
            if (change) observer.changed(Number(change[1]), body);
            else observer.read(Number(/\$rid=(\d+)/.exec(message.topic)[1]), body.desired);
        }
    }

    // Asks for the twin; the observer gets it under this number.
    read() {
        this.#reads += 1;
        this.raw.send(packets.publish(`$iothub/twin/GET/?$rid=${this.#reads}`, ' '));
        return this.#reads;
    }

    leave() { return this.raw.disconnect(); }
    destroy() { this.raw.destroy(); }
}

class AmqpLine {
    #reads = 0;
    #answered = 0;

    constructor(raw) { this.raw = raw; }

    static async open(hub, identity, { websocket }) {
        return new AmqpLine(await RawAmqp.connect(hub, identity, { websocket }));
    }

    get closed() { return this.raw.closed; }

    async begin(observer) {
        let subscribed = false;
        this.raw.watch = ({ kind, version, patch, json }) => {
            if (kind === 'notification') observer.changed(version, patch);
            else if (subscribed) observer.read(++this.#answered, json.desired);
            else subscribed = true;
        };
        const { status } = await this.raw.subscribe();
        if (status >= 300) throw new Error(`subscribe ${status}`);
    }

    read() {
        this.#reads += 1;
        this.raw.getTwin().catch(() => {}); // the observer sees it
        return this.#reads;
    }

    leave() { return this.raw.disconnect(); }
    destroy() { this.raw.destroy(); }
}

const kinds = {
    mqtt: (...all) => MqttLine.open(...all),
    'mqtt-ws': (hub, identity, options) => MqttLine.open(hub, identity, { ...options, websocket: true }),
    amqp: (...all) => AmqpLine.open(...all),
    'amqp-ws': (hub, identity, options) => AmqpLine.open(hub, identity, { ...options, websocket: true }),
};
export const transports = Object.keys(kinds);

// Throws while the hub is away; an error with `refused` is a hub that says no.
export const openLine = (transport, hub, identity, options) =>
    withDeadline(kinds[transport](hub, identity, options), `${transport} to open`);
