// The load: devices that report, services that set desired properties, create and delete, and a
// share of writes that the hub must refuse. All of it ends when the hub dies.
import assert from 'node:assert/strict';
import { credentials, packets, RawMqtt, topics } from '../end_to_end/lib/raw_mqtt.js';
import { Rest } from '../end_to_end/lib/rest.js';

const window_reports = 16;

// Errors that mean "the hub died under us"; anything else is a finding.
const isLostConnection = (error) => ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes(error.code)
    || /socket hang up|socket disconnected|network socket/i.test(error.message);

export const bound = (deviceId) => `devices/${deviceId}/messages/devicebound/#`;

export class Load {
    counts = { reports: 0, desired: 0, refused: 0, identities: 0, messages: 0, taken: 0 };
    findings = []; // errors that a kill does not explain
    #stopping = false;

    constructor(hub, random, devices, registry) {
        Object.assign(this, { hub, random, devices, registry });
    }

    async start() {
        this.rest = new Rest(this.hub);
        await Promise.all(this.devices.map((device) => this.#connect(device)));
        this.running = [
            ...this.devices.flatMap((device) => [
                this.#guard(() => this.#reports(device)), this.#guard(() => this.#answers(device)),
                this.#guard(() => this.#setDesired(device, 'alpha')),
                this.#guard(() => this.#setDesired(device, 'beta')),
                this.#guard(() => this.#sendMessages(device)),
            ]),
            this.#guard(() => this.#readTwins()),
            this.#guard(() => this.#comeAndGo()),
        ];
    }

    // To be called at the moment of the kill; waits until every part noticed.
    async end() {
        this.#stopping = true;
        for (const device of this.devices) device.client?.destroy();
        this.rest?.close();
        await Promise.all(this.running ?? []);
    }

    async #guard(part) {
        try {
            await part();
        } catch (error) {
            if (!this.#stopping || !isLostConnection(error)) this.findings.push(error);
        }
    }

    async #connect(device) {
        device.client = await RawMqtt.connect(this.hub, credentials(this.hub, device));
        device.closed = false;
        device.client.closed.then(() => { device.closed = true; device.wake?.(); });
        await device.client.subscribe([topics.results, topics.desired]);
        await device.client.subscribe(bound(device.deviceId), { qos: 1 });
        device.inFlight = new Map(); // rid -> {refused} or {}
        device.notified = undefined;
    }

    async #reports(device) {
        const { client, reported, inFlight } = device;
        while (!device.closed && !this.#stopping) {
            if (inFlight.size >= window_reports) {
                await new Promise((wake) => { device.wake = wake; });
                continue;
            }
            const n = ++device.counter;
            const rid = String(n);
            if (this.random.chance(0.1)) {
                inFlight.set(rid, { refused: true });
                const patch = this.random.chance(0.5)
                    ? '{"refused":1,"bad.key":2}' : `{"refused":${n},"list":[null]}`;
                client.send(packets.publish(topics.report(rid), patch));
            } else {
                const patch = this.#reportedPatch(n);
                const version = reported.send(patch);
                inFlight.set(rid, { version });
                client.send(packets.publish(topics.report(rid), JSON.stringify(patch)));
            }
        }
    }

    #reportedPatch(n) {
        const patch = { n, [`slot${n % 5}`]: { value: n, text: 'x'.repeat(n % 90) } };
        if (n % 7 === 0) patch[`slot${(n + 1) % 5}`] = null;
        if (n % 11 === 0) patch.list = [n, [n + 1]];
        return patch;
    }

    async #answers(device) {
        const { client, reported, desired, inFlight } = device;
        for (;;) {
            const message = await client.published.take(() => true, 'an answer to a report');
            const notified = /properties\/desired\/\?\$version=(\d+)$/.exec(message.topic);
            if (notified) {
                this.#notice(device, desired, Number(notified[1]));
                continue;
            }
            if (message.topic.startsWith('devices/')) {
                this.#take(device, message);
                continue;
            }
            const [, status, rid] = /\/res\/(\d+)\/\?\$rid=(\d+)/.exec(message.topic);
            const request = inFlight.get(rid);
            inFlight.delete(rid);
            if (request.refused) {
                assert.equal(status, '400');
                this.counts.refused += 1;
            } else {
                assert.equal(status, '204', message.payload.toString());
                reported.acknowledge(Number(/\$version=(\d+)$/.exec(message.topic)[1]));
                this.counts.reports += 1;
            }
            device.wake?.();
        }
    }

    // Most messages are taken at once, some stay in the device's hands.
    #take({ client, messages }, { payload, id }) {
        if (this.random.chance(0.05)) return;
        messages.taken.add(Number(payload));
        this.counts.taken += 1;
        client.send(packets.puback(id));
    }

    async #sendMessages({ deviceId, messages }) {
        while (!this.#stopping) {
            const answer = await this.rest.post(`/devices/${deviceId}/messages/deviceBound`,
                                                { payload: String(messages.start()) });
            if (answer.status === 403) { // fifty wait already
                messages.pending = undefined;
                await new Promise((done) => setTimeout(done, 20));
                continue;
            }
            assert.equal(answer.status, 200, answer.text);
            messages.accept();
            this.counts.messages += 1;
        }
    }

    #notice(device, desired, version) {
        if (device.notified !== undefined)
            assert.equal(version, device.notified + 1, 'notifications have no gap');
        device.notified = version;
        desired.see(version);
    }

    async #setDesired({ deviceId, desired, etag: staleEtag }, writer) {
        for (let n = this.random.between(0, 1e9); !this.#stopping; n++) {
            if (this.random.chance(0.1)) {
                const answer = this.random.chance(0.5)
                    ? await this.rest.patch(`/twins/${deviceId}`, { properties: { desired: { refused: n } } },
                                            { 'If-Match': `"${staleEtag}"` })
                    : await this.rest.patch(`/twins/${deviceId}`, {
                        properties: { desired: { refused: n, 'bad key': 1 } } });
                assert.ok([400, 412].includes(answer.status), answer.text);
                this.counts.refused += 1;
                continue;
            }
            desired.start(writer, n);
            const answer = await this.rest.patch(`/twins/${deviceId}`,
                                                 { properties: { desired: { [writer]: n } } });
            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.json.properties.desired[writer], n);
            desired.acknowledge(writer, answer.json.properties.desired.$version);
            this.counts.desired += 1;
        }
    }

    async #readTwins() {
        while (!this.#stopping) {
            const { deviceId, desired } = this.random.pick(this.devices);
            const twin = (await this.rest.get(`/twins/${deviceId}`)).json;
            desired.see(twin.properties.desired.$version);
        }
    }

    async #comeAndGo() {
        const { devices, pending } = this.registry;
        const living = [...devices].filter(([, etag]) => etag !== null).map(([id]) => id);
        while (!this.#stopping) {
            if (living.length > 5 && this.random.chance(living.length > 100 ? 0.8 : 0.4)) {
                const id = living.splice(this.random.between(0, living.length - 1), 1)[0];
                pending.add(id);
                const answer = await this.rest.delete(`/devices/${id}`, { 'If-Match': '*' });
                assert.equal(answer.status, 204, answer.text);
                devices.set(id, null);
                pending.delete(id);
            } else {
                const id = `born-${devices.size}-${this.random.between(0, 1e9)}`;
                pending.add(id);
                const answer = await this.rest.put(`/devices/${id}`, { deviceId: id });
                assert.equal(answer.status, 200, answer.text);
                devices.set(id, answer.json.etag);
                living.push(id);
                pending.delete(id);
            }
            this.counts.identities += 1;
        }
    }
}
