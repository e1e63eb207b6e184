// What the hub has to remember: every write that was acknowledged, and the few that were on the way
// when it was killed.
import assert from 'node:assert/strict';

export function merge(target, patch) {
    const result = { ...target };
    for (const [key, value] of Object.entries(patch)) {
        if (value === null) delete result[key];
        else if (typeof value === 'object' && !Array.isArray(value))
            result[key] = merge(typeof result[key] === 'object' ? result[key] : {}, value);
        else result[key] = value;
    }
    return result;
}

const values = ({ $metadata, $version, ...rest }) => rest;

// The reported section: one device writes it, so its versions follow the order of sending.
export class Reported {
    version = 1;      // known to be durable, with `document`
    document = {};
    sent = [];        // patches after `version`, refused ones excluded
    acknowledged = 0; // how many of them

    send(patch) {
        this.sent.push(patch);
        return this.version + this.sent.length;
    }

    acknowledge(version) {
        this.acknowledged += 1;
        assert.equal(version, this.version + this.acknowledged, 'reported versions rise by one');
    }

    // The hub came back with `section`; from here on it is the truth.
    recover(section) {
        const applied = section.$version - this.version;
        assert.ok(applied >= this.acknowledged,
                  `reported writes lost: ${this.acknowledged} acknowledged, ${applied} found`);
        assert.ok(applied <= this.sent.length, 'the hub knows reports that nobody sent');
        const document = this.sent.slice(0, applied).reduce(merge, this.document);
        assert.deepEqual(values(section), document, `reported values at version ${section.$version}`);
        Object.assign(this, { version: section.$version, document, sent: [], acknowledged: 0 });
    }
}

// The desired section: several writers at once, each with a property of its own that only grows.
export class Desired {
    version = 1;
    values = {};              // writer -> value known to be durable
    pending = {};             // writer -> value on the way
    acknowledged = new Set(); // versions since `version`
    seen = 1;                 // highest version that a reader or the device was shown

    start(writer, value) { this.pending[writer] = value; }

    acknowledge(writer, version) {
        assert.ok(!this.acknowledged.has(version), `desired version ${version} given twice`);
        this.acknowledged.add(version);
        this.values[writer] = this.pending[writer];
        delete this.pending[writer];
    }

    see(version) { this.seen = Math.max(this.seen, version); }

    recover(section) {
        const found = values(section);
        let arrived = 0; // writes done though their answer was lost
        for (const writer of new Set([...Object.keys(this.values), ...Object.keys(this.pending)])) {
            if (found[writer] !== undefined && found[writer] === this.pending[writer]) arrived += 1;
            else assert.equal(found[writer], this.values[writer], `desired value of ${writer}`);
        }
        for (const writer of Object.keys(found))
            assert.ok(writer in this.values || writer in this.pending, `nobody wrote ${writer}`);
        assert.equal(section.$version, this.version + this.acknowledged.size + arrived,
                     'desired versions have no holes');
        assert.ok(Math.max(...this.acknowledged, this.seen) <= section.$version,
                  `version ${this.seen} was shown, ${section.$version} is left`);
        Object.assign(this, { version: section.$version, values: found, pending: {},
                              acknowledged: new Set(), seen: section.$version });
    }
}

// The messages to one device: numbers that rise.
export class Messages {
    last = 0;
    pending = undefined;   // sent, without an answer yet
    accepted = new Set();
    taken = new Set();     // acknowledged by the device: gone, unless the hub died too early

    start() { return this.pending = ++this.last; }

    accept() {
        this.accepted.add(this.pending);
        this.pending = undefined;
    }

    // The hub came back with these, in this order; the device has taken them now.
    recover(found) {
        assert.deepEqual(found, [...found].sort((a, b) => a - b), 'messages keep their order');
        for (const number of found)
            assert.ok(this.accepted.has(number) || number === this.pending,
                      `message ${number} was sent by nobody`);
        for (const number of this.accepted)
            assert.ok(found.includes(number) || this.taken.has(number), `message ${number} is lost`);
        this.pending = undefined;
        this.accepted.clear();
        this.taken.clear();
    }
}

// Devices that come and go.
export class Registry {
    devices = new Map(); // id -> etag, or null once deleted
    pending = new Set();
}
