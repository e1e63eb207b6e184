// Simulated devices over real sockets: each follows its desired properties as long as it is online.
import { credentials, packets, RawMqtt, topics } from '../../end_to_end/lib/raw_mqtt.js';
import { Rest } from '../../end_to_end/lib/rest.js';
import { withDeadline } from '../../end_to_end/lib/wait.js';
import { later } from './operator.js';

// `answer(name, value, version)` says what the device makes of a property: an acknowledgement
// {value, ac, ad}, or nothing when it stays silent.
export class FleetDevice {
    applied = []; // {name, value, version}, in order

    #requests = 0;
    #waiting = new Map(); // by request id
    #settled = new Map(); // by name: the newest value that it answered

    constructor(hub, identity, answer) {
        Object.assign(this, { hub, ...identity, answer });
    }

    async online() {
        this.client = await RawMqtt.connect(this.hub, credentials(this.hub, this));
        await this.client.subscribe([topics.results, topics.desired]);
        this.following = this.#follow(this.client);
        const { desired } = await this.#request(topics.get, ' ');
        this.seen = desired.$version;
        await this.#apply(desired);
    }

    async offline() {
        await this.client.disconnect();
        await this.following;
    }

    report(patch) { return this.#request((rid) => topics.report(rid), JSON.stringify(patch)); }

    // The body of the hub's answer.
    #request(topicOf, payload) {
        const rid = `r${++this.#requests}`;
        const answer = new Promise((resolve, reject) => {
            this.#waiting.set(rid, ({ topic, payload: body }) => {
                const status = Number(topic.split('/')[3]);
                if (status >= 300) reject(new Error(`${this.deviceId}: ${topic} ${body}`));
                else resolve(body.length ? JSON.parse(body) : undefined);
            });
        });
        this.client.send(packets.publish(topicOf(rid), payload));
        return withDeadline(answer, `the answer to ${this.deviceId}`, 60_000);
    }

    async #follow(client) {
        try {
            for (;;) {
                const message = await client.published.take(() => true, 'a message', 10 * 60_000);
                const rid = /\$rid=([^&]+)/.exec(message.topic)?.[1];
                if (rid !== undefined) {
                    this.#waiting.get(rid)?.(message);
                    this.#waiting.delete(rid);
                    continue;
                }
                const patch = JSON.parse(message.payload);
                if (patch.$version <= this.seen) continue;
                this.seen = patch.$version;
                this.#apply(patch).catch(() => {}); // the connection may end in between
            }
        } catch { /* the connection has ended */ }
    }

    async #apply({ $version, $metadata, ...wishes }) {
        const answers = {};
        for (const [name, value] of Object.entries(wishes)) {
            if (value === null || this.#settled.get(name) === JSON.stringify(value)) continue;
            const answer = this.answer(name, value, $version);
            if (answer === undefined) continue;
            this.#settled.set(name, JSON.stringify(value));
            this.applied.push({ name, value, version: $version });
            answers[name] = { av: $version, ...answer };
        }
        if (Object.keys(answers).length > 0) await this.report(answers);
    }
}

export const accepts = (name, value) => ({ value, ac: 200 });

// Many at once. `describe(i)`: {id, tags, desired, reported, answer, online}. Their connections end
// with the test.
export async function newFleet(t, hub, count, describe) {
    const rest = new Rest(hub);
    later(t, () => rest.close());
    const described = Array.from({ length: count }, (_, i) => describe(i));
    const devices = [];
    for (let from = 0; from < count; from += 100) {
        const slice = described.slice(from, from + 100);
        const { json } = await rest.post('/devices', slice.map(({ id, tags = {}, desired = {} }) =>
            ({ id, importMode: 'create', tags, properties: { desired } })));
        if (!json.isSuccessful) throw new Error(JSON.stringify(json.errors));
        for (const each of slice) {
            const { json: identity } = await rest.get(`/devices/${each.id}`);
            devices.push(new FleetDevice(hub, {
                deviceId: each.id, key: identity.authentication.symmetricKey.primaryKey },
                each.answer ?? accepts));
        }
    }
    later(t, () => devices.forEach(({ client }) => client?.destroy()));
    for (let from = 0; from < count; from += 20)
        await Promise.all(devices.slice(from, from + 20).map(async (device, i) => {
            const { online = true, reported } = described[from + i];
            if (!online && reported === undefined) return;
            await device.online();
            if (reported !== undefined) await device.report(reported);
            if (!online) await device.offline();
        }));
    return devices;
}
