// Devices that speak HTTPS, with Microsoft's client and by hand (specification: device-protocols 5).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import deviceHttp from 'azure-iot-device-http';
import {
    connectionString, errors, getTwin, hub, keyOf, Message, newClient, newDevice, newId, newModule,
    registry, rest,
} from './lib/fixture.js';
import { listen } from './lib/device_events.js';
import { binary } from './lib/hub.js';
import { Rest } from './lib/rest.js';
import { sasToken } from './lib/sas.js';
import { Inbox } from './lib/wait.js';
import { authority, selfSigned, signedBy } from './lib/x509.js';

const { Http } = deviceHttp;

// Asks as the device itself, by hand.
function asDevice(t, device, options = {}) {
    const client = new Rest(hub, hub.connectionString);
    t.after(() => client.close());
    const module = device.moduleId ? `/modules/${device.moduleId}` : '';
    const token = options.token ?? sasToken({
        resource: `${hub.host}/devices/${device.deviceId}${module}`, key: keyOf(device) });
    return (method, path, body, headers = {}) => client.send(method, path, {
        body, headers: { Authorization: token, ...headers } });
}

const open = async (t, device, options = {}) => {
    const client = newClient(t, connectionString(device, options.key), { transport: Http });
    await client.open();
    return client;
};

test('a message sent over HTTPS arrives with its properties', async (t) => {
    const device = await newDevice(t);
    const inbox = await listen(t, device);
    const client = await open(t, device);
    const message = new Message('{"temperature":21.5}');
    message.messageId = 'm-1';
    message.correlationId = 'c/1&2=3';
    message.userId = 'u';
    message.to = 'somebody';
    message.ack = 'full';
    message.expiryTimeUtc = '2030-01-01T00:00:00.000Z';
    message.properties.add('Level', 'a b&c=d%');
    message.properties.add('empty', '');
    await client.sendEvent(message);
    const event = await inbox.take();
    assert.deepEqual(Buffer.from(event.bodyBase64, 'base64').toString(), '{"temperature":21.5}');
    assert.deepEqual(event.properties, { Level: 'a b&c=d%', empty: '', 'iothub-ack': 'full' });
    assert.deepEqual(event.systemProperties, {
        messageId: 'm-1', correlationId: 'c/1&2=3', userId: 'u', to: 'somebody',
        expiryTimeUtc: '2030-01-01T00:00:00.000Z' });
});

test('a batch sent over HTTPS arrives as its messages, in order', async (t) => {
    const device = await newDevice(t);
    const inbox = await listen(t, device);
    const client = await open(t, device);
    const messages = Array.from({ length: 20 }, (_, i) => {
        const message = new Message(`text ${i}`);
        message.properties.add('number', String(i));
        return message;
    });
    await client.sendEventBatch(messages);
    const events = await inbox.takeMany(20);
    assert.deepEqual(
        events.map((event) => [Buffer.from(event.bodyBase64, 'base64').toString(),
                               event.properties.number]),
        messages.map((_, i) => [`text ${i}`, String(i)]));
});

test('a module sends messages by hand over HTTPS', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const inbox = await listen(t, device);
    const ask = asDevice(t, module);
    const path = `/devices/${device.deviceId}/modules/${module.moduleId}/messages/events`;
    const answer = await ask('POST', path, '{"n":1}', {
        'iothub-contenttype': 'application/json', 'iothub-contentencoding': 'utf-8',
        'iothub-app-a': '1' });
    assert.equal(answer.status, 204);
    const event = await inbox.take();
    assert.equal(event.moduleId, module.moduleId);
    assert.deepEqual(event.body, { n: 1 });
    assert.deepEqual(event.properties, { a: '1' });
});

test('a device with a certificate sends over HTTPS', async (t) => {
    for (const kind of ['selfSigned', 'certificateAuthority']) {
        const deviceId = newId('x509');
        const proof = kind === 'selfSigned' ? selfSigned(hub.folder, 'anything')
            : signedBy(authority(hub.folder, 'device-authority'), hub.folder, deviceId);
        const device = await newDevice(t, { deviceId, authentication: { type: kind,
            ...(kind === 'selfSigned' && { x509Thumbprint: { primaryThumbprint: proof.sha256 } }) } });
        const inbox = await listen(t, device);
        const client = newClient(t, `HostName=${hub.host};DeviceId=${deviceId};x509=true`,
                                 { transport: Http });
        client.setOptions({ cert: proof.certificate, key: proof.key }); // calls nobody back
        await client.open();
        await client.sendEvent(new Message(kind));
        assert.equal(Buffer.from((await inbox.take()).bodyBase64, 'base64').toString(), kind);

        const stranger = newClient(t, `HostName=${hub.host};DeviceId=${deviceId};x509=true`,
                                   { transport: Http });
        const other = selfSigned(hub.folder, deviceId);
        stranger.setOptions({ cert: other.certificate, key: other.key });
        await stranger.open();
        await assert.rejects(stranger.sendEvent(new Message('x')), errors.UnauthorizedError);
    }
});

test('wrong keys, disabled devices and strangers are refused over HTTPS', async (t) => {
    const device = await newDevice(t);
    const other = await newDevice(t);
    const wrong = await open(t, device, { key: keyOf(other) });
    await assert.rejects(wrong.sendEvent(new Message('x')), errors.UnauthorizedError);
    const stranger = await open(t, { ...device, deviceId: newId('nobody') });
    await assert.rejects(stranger.sendEvent(new Message('x')), errors.UnauthorizedError);
    const client = await open(t, device);
    await client.sendEvent(new Message('x'));
    await registry.update({ ...device, status: 'disabled' });
    await assert.rejects(client.sendEvent(new Message('x')), errors.UnauthorizedError);
});

test('a message that is too large is refused over HTTPS', async (t) => {
    const device = await newDevice(t);
    const ask = asDevice(t, device);
    const path = `/devices/${device.deviceId}/messages/events`;
    assert.equal((await ask('POST', path, Buffer.alloc(262_144))).status, 204);
    const answer = await ask('POST', path, Buffer.alloc(262_145));
    assert.equal(answer.status, 413);
    assert.equal(answer.errorName, 'MessageTooLarge');
});

test('sending over HTTPS does not make a device connected', async (t) => {
    const device = await newDevice(t);
    const client = await open(t, device);
    await client.sendEvent(new Message('x'));
    assert.equal((await getTwin(device.deviceId)).connectionState, 'Disconnected');
});

test('there is no file upload', async (t) => {
    const device = await newDevice(t);
    const answer = await asDevice(t, device)('POST', `/devices/${device.deviceId}/files`,
                                             { blobName: 'a' });
    assert.equal(answer.status, 404);
    assert.equal(answer.json.errorCode, 404000);
});

async function sendDown(device, message) {
    const answer = await rest.post(`/devices/${device.deviceId}/messages/deviceBound`, message);
    assert.equal(answer.status, 200, answer.text);
}

// The messages that the SDK's client polls for.
function receive(t, client) {
    const inbox = new Inbox();
    client.on('message', (message) => inbox.put(message));
    t.after(() => client.removeAllListeners('message'));
    return inbox;
}

test("the SDK's HTTP client receives messages, completes, abandons and rejects them", async (t) => {
    const device = await newDevice(t);
    await sendDown(device, { payload: 'hello', messageId: 'm-1', correlationId: 'c-1',
                             properties: { level: 'high', empty: '' } });
    const client = await open(t, device);
    const inbox = receive(t, client);
    const message = await inbox.take();
    assert.equal(message.getData().toString(), 'hello');
    assert.equal(message.messageId, 'm-1');
    assert.equal(message.correlationId, 'c-1');
    assert.equal(message.properties.getValue('iothub-app-level'), 'high');
    assert.equal(message.properties.getValue('iothub-app-empty'), '');
    await client.abandon(message);
    const again = await inbox.take();
    assert.equal(again.messageId, 'm-1');
    assert.notEqual(again.lockToken, message.lockToken);
    await client.complete(again);
    await assert.rejects(client.complete(again));
    await sendDown(device, { payload: 'unwanted', messageId: 'm-2' });
    await client.reject(await inbox.take());
    assert.equal((await registry.get(device.deviceId)).responseBody.cloudToDeviceMessageCount, 0);
});

test('messages come over HTTPS one after the other, each with its lock', async (t) => {
    const device = await newDevice(t);
    const ask = asDevice(t, device);
    const path = `/devices/${device.deviceId}/messages/deviceBound`;
    assert.equal((await ask('GET', path)).status, 204);
    for (const payload of ['a', 'b']) await sendDown(device, { payload });
    const [first, second] = [await ask('GET', path), await ask('GET', path)];
    assert.deepEqual([first.text, second.text], ['a', 'b']);
    assert.equal((await ask('GET', path)).status, 204);
    assert.equal(first.headers['iothub-to'], path);
    const lock = (answer) => answer.headers.etag.replaceAll('"', '');
    assert.equal((await ask('POST', `${path}/${lock(first)}/abandon`)).status, 204);
    assert.equal((await ask('DELETE', `${path}/${lock(second)}`, undefined,
                            { 'If-Match': lock(second) })).status, 204);
    const late = await ask('DELETE', `${path}/${lock(second)}`);
    assert.equal(late.status, 412);
    assert.equal(late.errorName, 'DeviceMessageLockLost');
    assert.equal((await ask('GET', path)).headers['iothub-deliverycount'], '1');
});

test('the command line receives and settles messages in the name of a device', async (t) => {
    const device = await newDevice(t);
    const run = async (...words) => {
        const { stdout } = await promisify(execFile)(binary(), [
            'c2d-message', ...words, '-d', device.deviceId, '--login', hub.connectionString,
            '--port', String(hub.httpsPort), '--ca-file', `${hub.dataFolder}/ca.pem`]);
        return stdout === '' ? undefined : JSON.parse(stdout);
    };
    assert.equal(await run('receive'), undefined);
    await sendDown(device, { payload: 'hello', messageId: 'm-1', properties: { a: '1' } });
    const first = await run('receive');
    assert.deepEqual([first.data, first.messageId, first.properties.app], ['hello', 'm-1', { a: '1' }]);
    await run('abandon', '--etag', first.etag);
    const second = await run('receive', '--complete');
    assert.deepEqual([second.data, second.ack], ['hello', 'complete']);
    assert.equal(await run('receive'), undefined);
    await assert.rejects(run('complete', '--etag', second.etag), /DeviceMessageLockLost/);
});
