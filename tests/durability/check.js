// After the hub came back: is everything there that it acknowledged, and nothing that it refused?
import assert from 'node:assert/strict';
import { credentials, RawMqtt, topics } from '../end_to_end/lib/raw_mqtt.js';
import { Rest } from '../end_to_end/lib/rest.js';

export async function check(hub, devices, registry) {
    const rest = new Rest(hub);
    try {
        for (const device of devices) await checkTwin(hub, rest, device);
        await checkRegistry(rest, registry);
    } finally {
        rest.close();
    }
}

async function checkTwin(hub, rest, device) {
    const answer = await rest.get(`/twins/${device.deviceId}`);
    assert.equal(answer.status, 200, answer.text);
    const { properties, version, etag } = answer.json;
    assert.ok(!answer.text.includes('"refused"'), 'a refused write left a trace');
    device.reported.recover(properties.reported);
    device.desired.recover(properties.desired);
    assert.equal(version, properties.desired.$version + properties.reported.$version,
                 'the version counts every write');
    assert.equal(Buffer.from(etag, 'base64').readBigUInt64BE(), BigInt(properties.desired.$version));

    // A device that comes back is up to date after one read.
    const client = await RawMqtt.connect(hub, credentials(hub, device));
    await client.subscribe([topics.results, topics.desired]);
    const { json } = await client.getTwin();
    const { $metadata: desiredStamps, ...desired } = properties.desired;
    const { $metadata: reportedStamps, ...reported } = properties.reported;
    assert.deepEqual(json, { desired, reported });
    await client.disconnect();
}

// Identities with an answer are as answered; those without may be either, but never half.
async function checkRegistry(rest, { devices, pending }) {
    const ids = [...new Set([...devices.keys(), ...pending])];
    for (const id of ids) {
        const [identity, twin] = await Promise.all(
            [rest.get(`/devices/${id}`), rest.get(`/twins/${id}`)]);
        assert.equal(identity.status, twin.status, `${id} has an identity and no twin, or the reverse`);
        if (pending.has(id)) {
            devices.set(id, identity.status === 200 ? identity.json.etag : null);
        } else if (devices.get(id) === null) {
            assert.equal(identity.status, 404, `${id} was deleted`);
        } else {
            assert.equal(identity.status, 200, `${id} was created`);
            assert.equal(identity.json.etag, devices.get(id));
        }
    }
    pending.clear();
    // What is deleted for good needs no further look.
    for (const [id, etag] of devices) if (etag === null) devices.delete(id);
}
