// Messages to devices and their feedback (specification: service-api 10.2, device-protocols 3.3).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
    connect, connectRaw, newDevice, registry, rest, transports,
} from './lib/fixture.js';
import { binary, Hub } from './lib/hub.js';
import { packets } from './lib/raw_mqtt.js';
import { Inbox, until } from './lib/wait.js';

async function send(device, message) {
    const answer = await rest.post(`/devices/${device.deviceId}/messages/deviceBound`, message);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

const count = async (device) =>
    (await registry.get(device.deviceId)).responseBody.cloudToDeviceMessageCount;

function listen(client) {
    const inbox = new Inbox();
    client.on('message', (message) => inbox.put(message));
    return inbox;
}

// Takes feedback until there is some of `device`; that of other tests goes lost with it.
async function feedbackOf(device) {
    return until(async () => {
        const answer = await rest.get('/messages/serviceBound/feedback');
        if (answer.status === 204) return undefined;
        assert.equal(answer.status, 200);
        const token = answer.headers.etag.replaceAll('"', '');
        const own = answer.json.filter((record) => record.deviceId === device.deviceId);
        assert.equal((await rest.delete(`/messages/serviceBound/feedback/${token}`)).status, 204);
        return own.length > 0 ? own : undefined;
    }, 'feedback');
}

for (const [name, transport] of transports) {
    test(`a message is received and completed over ${name}`, async (t) => {
        const device = await newDevice(t);
        await send(device, {
            messageId: 'm-1', correlationId: 'c/1&2=3', userId: 'u', contentType: 'text/plain',
            contentEncoding: 'utf-8', ack: 'full', payload: 'hällo',
            properties: { level: 'a b&c=d%/ü', empty: '' },
        });
        assert.equal(await count(device), 1);
        const client = await connect(t, device, { transport });
        const message = await listen(client).take();
        assert.equal(message.data.toString(), 'hällo');
        assert.equal(message.messageId, 'm-1');
        assert.equal(message.correlationId, 'c/1&2=3');
        // The SDK does not look for it over AMQP.
        assert.equal(message.userId, name.startsWith('AMQP') ? '' : 'u');
        assert.equal(message.contentType, 'text/plain');
        assert.equal(message.contentEncoding, 'utf-8');
        assert.equal(message.to, `/devices/${device.deviceId}/messages/devicebound`);
        assert.equal(message.properties.getValue('level'), 'a b&c=d%/ü');
        assert.equal(message.properties.getValue('empty'), '');
        await client.complete(message);
        await until(async () => await count(device) === 0, 'the message is gone');
        const [record] = await feedbackOf(device);
        assert.equal(record.originalMessageId, 'm-1');
        assert.equal(record.statusCode, 'Success');
        assert.equal(record.deviceGenerationId, device.generationId);
    });
}

test('messages come in the order in which they were sent', async (t) => {
    const device = await newDevice(t);
    const client = await connect(t, device);
    const inbox = listen(client);
    for (let i = 0; i < 40; ++i) await send(device, { payload: String(i) });
    for (let i = 0; i < 40; ++i) assert.equal((await inbox.take()).data.toString(), String(i));
    await until(async () => await count(device) === 0, 'all messages are gone');
});

test('messages wait for the device, but not more than fifty', async (t) => {
    const device = await newDevice(t);
    for (let i = 0; i < 50; ++i) await send(device, { payload: String(i) });
    const refused = await rest.post(`/devices/${device.deviceId}/messages/deviceBound`, {});
    assert.equal(refused.status, 403);
    assert.equal(refused.headers['iothub-errorcode'], 'DeviceMaximumQueueDepthExceeded');
    const purged = await rest.delete(`/devices/${device.deviceId}/commands`);
    assert.deepEqual(purged.json, { deviceId: device.deviceId, moduleId: null,
                                    totalMessagesPurged: 50 });
    assert.equal(await count(device), 0);
});

test('what a device did not acknowledge comes again', async (t) => {
    const device = await newDevice(t);
    const filter = `devices/${device.deviceId}/messages/devicebound/#`;
    let client = await connectRaw(t, device);
    await client.subscribe(filter, { qos: 1 });
    await send(device, { payload: 'one' });
    await send(device, { payload: 'two' });
    const first = await client.published.take();
    assert.equal(first.payload.toString(), 'one');
    assert.equal(first.qos, 1);
    assert.equal(first.dup, false);
    assert.equal((await client.published.take()).payload.toString(), 'two');
    client.send(packets.puback(first.id));
    await until(async () => await count(device) === 1, 'the first is gone');
    client.destroy();
    client = await connectRaw(t, device); // clean session 0 and no SUBSCRIBE, as in Python
    const again = await client.published.take();
    assert.equal(again.payload.toString(), 'two');
    assert.equal(again.dup, true);
    client.send(packets.puback(again.id));
    await until(async () => await count(device) === 0, 'the second is gone');
});

test('the embedded SDK means its own device with a +', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    await client.subscribe('devices/+/messages/devicebound/#');
    await send(device, { payload: 'plus', properties: { a: null, b: '' } });
    const { topic, payload, qos } = await client.published.take();
    assert.equal(payload.toString(), 'plus');
    assert.equal(qos, 0);
    assert.match(topic, new RegExp(`^devices/${device.deviceId}/messages/devicebound/`
        + `%24\\.mid=[^&]+&%24\\.to=%2Fdevices%2F${device.deviceId}%2Fmessages%2Fdevicebound`
        + '&%24\\.exp=[^&]+&a&b=$'));
    await until(async () => await count(device) === 0, 'the message is gone');
});

test('a message that is too late is told as expired', async (t) => {
    const device = await newDevice(t);
    await send(device, { messageId: 'late', ack: 'negative',
                         expiryTimeUtc: new Date(Date.now() - 1000).toISOString() });
    const [record] = await feedbackOf(device);
    assert.equal(record.originalMessageId, 'late');
    assert.equal(record.statusCode, 'Expired');
    assert.equal(await count(device), 0);
});

test('the number of messages can be asked for and changes no version', async (t) => {
    const device = await newDevice(t);
    const before = (await registry.getTwin(device.deviceId)).responseBody;
    await send(device, {});
    const after = (await registry.getTwin(device.deviceId)).responseBody;
    assert.equal(after.cloudToDeviceMessageCount, 1);
    assert.equal(after.etag, before.etag);
    assert.equal(after.version, before.version);
    const rows = await registry.createQuery(
        'SELECT deviceId FROM devices WHERE cloudToDeviceMessageCount = 1').nextAsTwin();
    assert.ok(rows.result.some((row) => row.deviceId === device.deviceId));
});

test('messages outlive kill -9', async (t) => {
    const own = await Hub.startAnywhere();
    t.after(() => own.stop());
    const run = promisify(execFile);
    const in_folder = { env: { ...process.env, TWINHUB_DATA: own.dataFolder } };
    const cli = async (...words) => JSON.parse(
        (await run(binary(), [...words, '--port', String(own.httpsPort)], in_folder)).stdout
            || 'null');
    await cli('device-identity', 'create', '-d', 'd');
    await cli('c2d', 'send', '-d', 'd', '--data', 'one', '--props', 'a=1;b');
    await cli('device', 'c2d-message', 'send', '-d', 'd', '--data', 'two', '--ack', 'full',
              '--mid', 'second');
    await own.kill('SIGKILL');
    await own.start();
    const shown = await cli('device-identity', 'show', '-d', 'd');
    assert.equal(shown.cloudToDeviceMessageCount, 2);
    assert.equal((await cli('c2d-message', 'purge', '-d', 'd')).totalMessagesPurged, 2);
    const { stdout } = await run(binary(), ['monitor-feedback', '--wait-on-msg', 'second',
                                            '--port', String(own.httpsPort)], in_folder);
    assert.equal(JSON.parse(stdout).statusCode, 'Purged');
});
