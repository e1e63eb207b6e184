// After the hub came back: is everything there that it acknowledged, and nothing that it refused?
import assert from 'node:assert/strict';
import { credentials, packets, RawMqtt, topics } from '../end_to_end/lib/raw_mqtt.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { until } from '../end_to_end/lib/wait.js';
import { bound } from './load.js';

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
    const client = await RawMqtt.connect(hub, { ...credentials(hub, device), clean: true });
    await client.subscribe([topics.results, topics.desired]);
    const { json } = await client.getTwin();
    await checkMessages(rest, client, device);
    const { $metadata: desiredStamps, ...desired } = properties.desired;
    const { $metadata: reportedStamps, ...reported } = properties.reported;
    assert.deepEqual(json, { desired, reported });
    await client.disconnect();
}

async function checkMessages(rest, client, { deviceId, messages }) {
    const count = async () =>
        (await rest.get(`/devices/${deviceId}`)).json.cloudToDeviceMessageCount;
    const waiting = await count();
    await client.subscribe(bound(deviceId), { qos: 1 });
    const found = [];
    while (found.length < waiting) {
        const message = await client.published.take((p) => p.topic.startsWith('devices/'));
        found.push(Number(message.payload));
        client.send(packets.puback(message.id));
    }
    messages.recover(found);
    await until(async () => await count() === 0, 'all messages to be gone');
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
