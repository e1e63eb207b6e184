// A device that is never at rest, and what it holds against the hub.
import { isDeepStrictEqual } from 'node:util';
import { openLine } from './lines.js';

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function merge(document, patch) {
    const merged = { ...document };
    for (const [name, value] of Object.entries(patch)) {
        if (value === null) delete merged[name];
        else if (typeof value === 'object' && !Array.isArray(value))
            merged[name] = merge(typeof merged[name] === 'object' ? merged[name] : {}, value);
        else merged[name] = value;
    }
    return merged;
}

// What one connection sees, checked as it comes.
class Observer {
    last = 0;      // newest version that this connection saw
    view;          // the document as a merging client has it; absent until the first read
    ceiling;       // a newer connection began with this version: nothing newer comes here
    reads = new Map(); // number -> what the device had seen when it asked

    constructor(device, name) { Object.assign(this, { device, name }); }

    ask(line) {
        const { highest, acknowledged } = this.device;
        this.reads.set(line.read(), Math.max(highest, acknowledged));
    }

    changed(version, patch) {
        const { device } = this;
        device.count('changes');
        if (patch.$version !== version) device.blame(this, `change ${version} says ${patch.$version}`);
        if (this.last !== 0 && version !== this.last + 1)
            device.blame(this, `change ${version} came behind version ${this.last}`);
        if (version > this.ceiling)
            device.blame(this, `change ${version} came to a connection that another one, which `
                + `began at ${this.ceiling}, had taken over from`);
        this.last = Math.max(this.last, version);
        device.highest = Math.max(device.highest, version);
        if (this.view) this.view = merge(this.view, patch);
    }

    read(number, desired) {
        const { device } = this;
        const { $version: version } = desired;
        device.count('reads');
        if (version < this.reads.get(number))
            device.blame(this, `read version ${version}, when ${this.reads.get(number)} was known`);
        if (version < this.last || (this.view && version !== this.last))
            device.blame(this, `read version ${version} behind version ${this.last}`);
        if (this.view && !isDeepStrictEqual(this.view, desired))
            device.blame(this, `has ${JSON.stringify(this.view)}, the hub ${JSON.stringify(desired)}`);
        if (version > this.ceiling)
            device.blame(this, `read version ${version} after a connection that began at ${this.ceiling}`);
        this.last = version;
        this.view = desired;
        device.highest = Math.max(device.highest, version);
        for (const older of device.observers)
            if (older.order < this.order) {
                if (older.last > version)
                    device.blame(this, `began at ${version}, an older connection had ${older.last}`);
                older.ceiling = Math.min(older.ceiling ?? Infinity, version);
            }
        this.begun?.();
    }
}

export class Device {
    highest = 0;      // newest version seen on any connection
    acknowledged = 0; // newest version that the back end was told is there
    observers = [];   // those whose connection may still be open
    line;
    observer;
    #order = 0;
    #remembered = false; // the hub holds a session with both filters, as far as the device knows

    constructor(identity, { hub, random, transports, count, faults }) {
        Object.assign(this, { identity, hub, random, transports, count, faults });
    }

    blame(observer, what) {
        this.faults.push(`${this.identity.deviceId} over ${observer.name}: ${what}`);
    }

    // A connection that has read its twin, or nothing when the hub was away or another one won.
    async #open(order, alone = true) {
        const transport = this.random.pick(this.transports);
        const is_mqtt = transport.startsWith('mqtt');
        const clean = this.random.chance(0.2);
        const remembered = this.#remembered && alone && this.random.chance(0.5);
        if (is_mqtt && (clean || !alone)) this.#remembered = false;
        const observer = new Observer(this, `${transport} (connection ${order})`);
        observer.order = order;
        let line;
        try {
            line = await openLine(transport, this.hub, this.identity, { clean, remembered });
            this.observers.push(observer);
            line.closed.then(() => this.#forget(observer));
            await line.begin(observer);
            if (is_mqtt && alone && !clean) this.#remembered = true;
            const begun = new Promise((done) => { observer.begun = done; });
            observer.ask(line);
            const ended = line.closed.then(() => { throw new Error('ended'); });
            await Promise.race([begun, ended, pause(10_000).then(() => {
                throw Object.assign(new Error('no answer to the first read'), { refused: true });
            })]);
            this.count(`over ${transport}`);
            return { line, observer };
        } catch (error) {
            if (error.refused) this.blame(observer, error.message);
            line?.destroy();
            return undefined;
        }
    }

    // What is on its way to a closed connection is thrown away with it.
    #forget(observer) { this.observers = this.observers.filter((each) => each !== observer); }

    async #leave() {
        if (!this.line) return;
        const { line } = this;
        this.line = undefined;
        this.count('left');
        if (this.random.chance(0.5)) await line.leave().catch(() => line.destroy());
        else line.destroy();
    }

    // Two at once: the hub keeps one of them, and nobody can say beforehand which.
    async #race() {
        this.count('races');
        await this.#leave();
        const order = ++this.#order;
        const both = (await Promise.all([this.#open(order, false), this.#open(order, false)])).filter(Boolean);
        if (both.length === 2) {
            const closed = both.map(({ line }) => line.closed.then(() => line));
            const loser = await Promise.race([...closed, pause(5_000)]);
            if (!loser) {
                this.blame(both[0].observer, 'stays open beside another connection');
                both[0].line.destroy();
            }
            both.splice(both.findIndex(({ line }) => line === (loser ?? both[0].line)), 1);
        }
        if (both.length === 1) this.#take(both[0]);
    }

    #take({ line, observer }) { Object.assign(this, { line, observer }); }

    async #reconnect() {
        const old = this.line;
        const takes_over = old !== undefined && this.random.chance(0.4);
        if (!takes_over) await this.#leave();
        const next = await this.#open(++this.#order);
        if (!next) return pause(20);
        if (takes_over) {
            this.count('taken over');
            // The hub ends the old one by itself.
            if (await Promise.race([old.closed, pause(5_000)]) === undefined) {
                this.blame(next.observer, 'another connection stays open');
                old.destroy();
            }
        }
        this.#take(next);
    }

    async #stay() {
        const { line, observer } = this;
        if (!line) return;
        await pause(this.random.between(0, 120));
        if (this.random.chance(0.3)) observer.ask(line);
        if (this.random.chance(0.4)) await this.isUpToDate(line, observer);
    }

    // Waits until the connection has what the back end knows to be there.
    async isUpToDate(line, observer) {
        const wanted = this.acknowledged;
        let ended = false;
        line.closed.then(() => { ended = true; });
        for (const end = Date.now() + 10_000; observer.last < wanted && !ended; await pause(5))
            if (Date.now() > end)
                return this.blame(observer, `waits for version ${wanted} at ${observer.last}`);
        return undefined;
    }

    async live(during) {
        while (during.on) {
            await (this.random.chance(0.15) ? this.#race() : this.#reconnect());
            await this.#stay();
        }
        // The last word: connected, and with the newest version.
        for (const end = Date.now() + 20_000; Date.now() < end;) {
            const { line, observer } = this;
            if (line && await Promise.race([line.closed, pause(0)]) === undefined) {
                await this.isUpToDate(line, observer);
                if (observer.last >= this.acknowledged) return;
            }
            await this.#reconnect();
        }
        this.faults.push(`${this.identity.deviceId}: could not come back`);
    }

    destroy() { this.line?.destroy(); }
}
