// Devices that do on the wire what Microsoft's Python SDK does: QoS 1 everywhere, clean session 0,
// features that are subscribed to once and never again (specification: device-protocols 1.4, 8).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    getTwin, hub, newDevice, newId, newModule, patchDesired, registry, rest, values,
} from './lib/fixture.js';
import { listen } from './lib/device_events.js';
import { enroll, idScope, newKey, symmetric } from './lib/provisioning.js';
import { PythonDevice } from './lib/python_device.js';
import { randomKey } from './lib/sas.js';
import { until } from './lib/wait.js';
import { authority, signedBy } from './lib/x509.js';

// A connected device, and its identity.
async function connect(t, options = {}, description = {}) {
    const identity = await newDevice(t, description);
    const device = await PythonDevice.create(t, identity, options);
    const answer = await device.connect();
    assert.deepEqual(answer, { code: 0, sessionPresent: 0 });
    return { identity, device };
}

for (const [name, options] of [['MQTT', {}], ['MQTT over WebSocket', { websockets: true }]]) {
    test(`Python's twin over ${name}`, async (t) => {
        const { identity: { deviceId }, device } = await connect(t, options);
        assert.deepEqual(await device.getTwin(), { status: 200, version: null, body: {
            desired: { $version: 1 }, reported: { $version: 1 } } });
        assert.deepEqual(await device.report({ firmware: '1.0', battery: { level: 55 } }),
                         { status: 204, version: '2', body: null });
        const { reported } = (await getTwin(deviceId)).properties;
        assert.deepEqual(values(reported), { firmware: '1.0', battery: { level: 55 } });

        await device.enable('twin_patches');
        await patchDesired(deviceId, { interval: 10 });
        assert.deepEqual(await device.desired.take(), { interval: 10, $version: 2 });
        await patchDesired(deviceId, { interval: null });
        assert.deepEqual(await device.desired.take(), { interval: null, $version: 3 });
        await device.disconnect();
    });

    test(`Python's renewal of a token over ${name} keeps everything that was subscribed to`, async (t) => {
        const { identity: { deviceId }, device } = await connect(t, options);
        await device.getTwin();
        await device.enable('twin_patches');
        for (let round = 0; round < 3; ++round) {
            await patchDesired(deviceId, { round });
            assert.equal((await device.desired.take()).round, round);
            const { code, sessionPresent, twin } = await device.renew();
            assert.deepEqual([code, sessionPresent], [0, 1]);
            // The SDK compares this with what it knows.
            assert.equal(twin.body.desired.$version, 2 + round);
            assert.equal((await device.report({ round })).status, 204);
        }
    });
}

test('Python learns by its twin what changed while it was away', async (t) => {
    const { identity: { deviceId }, device } = await connect(t);
    await device.getTwin();
    await device.enable('twin_patches');
    await device.disconnect();
    for (const interval of [1, 2, 3]) await patchDesired(deviceId, { interval });
    const { twin } = await device.connect();
    assert.deepEqual(twin.body.desired, { interval: 3, $version: 4 });
    // None of the three comes late.
    await patchDesired(deviceId, { interval: 4 });
    assert.deepEqual(await device.desired.take(), { interval: 4, $version: 5 });
});

test('Python keeps its subscriptions when the network breaks', async (t) => {
    const { identity: { deviceId }, device } = await connect(t);
    await device.getTwin();
    await device.enable('twin_patches');
    await device.do('cut');
    const { sessionPresent } = await device.connect();
    assert.equal(sessionPresent, 1);
    await patchDesired(deviceId, { a: 1 });
    assert.equal((await device.desired.take()).a, 1);
});

test('Python hears no more of what it unsubscribed from, after a reconnect too', async (t) => {
    const { identity: { deviceId }, device } = await connect(t);
    await device.getTwin();
    await device.enable('twin_patches');
    await device.disable('twin_patches');
    await patchDesired(deviceId, { a: 1 });
    await device.renew();
    await patchDesired(deviceId, { a: 2 });
    assert.equal((await device.getTwin()).body.desired.a, 2);
    assert.equal(device.desired.size, 0);
});

test("Python's bad report is answered with an error, and the connection stays", async (t) => {
    const { device } = await connect(t);
    const refused = await device.report({ 'a.b': 1 });
    assert.equal(refused.status, 400);
    assert.equal(refused.body.errorCode, 400004);
    assert.equal((await device.report({ ab: 1 })).status, 204);
});

test("Python's messages arrive with their properties", async (t) => {
    const { identity, device } = await connect(t);
    const inbox = await listen(t, identity);
    await device.send('{"t":21.5}', {
        system: { mid: 'm 1', cid: 'c/1', uid: 'u', ct: 'application/json', ce: 'utf-8' },
        properties: { zone: 'a&b=c', alarm: 'ü%', empty: '' } });
    const event = await inbox.take();
    assert.deepEqual(event.body, { t: 21.5 });
    assert.deepEqual(event.properties, { alarm: 'ü%', empty: '', zone: 'a&b=c' });
    assert.deepEqual(event.systemProperties, {
        messageId: 'm 1', correlationId: 'c/1', userId: 'u', contentType: 'application/json',
        contentEncoding: 'utf-8' });
});

test("Python's module has a twin and messages of its own", async (t) => {
    const parent = await newDevice(t);
    const module = await newModule(t, parent);
    const inbox = await listen(t, parent);
    const device = await PythonDevice.create(t, module);
    assert.equal((await device.connect()).code, 0);
    assert.equal((await device.report({ a: 1 })).status, 204);
    assert.equal(values((await registry.getModuleTwin(parent.deviceId, module.moduleId))
        .responseBody.properties.reported).a, 1);
    await device.send('x', { system: { on: 'out' } });
    const event = await inbox.take();
    assert.equal(event.moduleId, module.moduleId);
    assert.equal(event.systemProperties.outputName, 'out');
    await device.enable('twin_patches');
    await device.renew();
    await registry.updateModuleTwin(parent.deviceId, module.moduleId,
                                    { properties: { desired: { b: 2 } } }, '*');
    assert.equal((await device.desired.take()).b, 2);
});

test("Python's plug-and-play device says its model", async (t) => {
    const modelId = 'dtmi:com:example:Thermostat;1';
    const { identity: { deviceId } } = await connect(t, { modelId });
    await until(async () => (await getTwin(deviceId)).modelId === modelId, 'the model to be known');
});

test('Python with a certificate sends no password', async (t) => {
    const deviceId = newId('python');
    const proof = signedBy(authority(hub.folder, 'device-authority'), hub.folder, deviceId);
    await newDevice(t, { deviceId, authentication: { type: 'certificateAuthority' } });
    const device = await PythonDevice.create(t, { deviceId }, {
        certificate: proof.file, certificateKey: proof.file.replace(/pem$/, 'key') });
    assert.equal((await device.connect()).code, 0);
    assert.equal((await device.getTwin()).status, 200);
});

test('Python with a wrong key is refused with code 5 and can try again', async (t) => {
    const identity = await newDevice(t);
    const device = await PythonDevice.create(t, identity);
    assert.equal((await device.connect({ key: randomKey() })).code, 5);
    assert.equal((await device.connect()).code, 0);
});

const invoke = (device, methodName, payload) =>
    rest.post(`/twins/${device.deviceId}${device.moduleId ? `/modules/${device.moduleId}` : ''}/methods`,
              { methodName, payload, responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 0 });

// Answers one call as the application says.
async function serve(device, answer) {
    const call = await device.methods.take();
    await device.do('answer_method', { rid: call.rid, ...answer(call) });
    return call;
}

test('Python does methods, after a renewal of its token, too', async (t) => {
    const { identity, device } = await connect(t);
    await device.enable('methods');
    for (let round = 0; round < 3; ++round) {
        const answered = invoke(identity, 'set_speed', { rpm: round });
        const call = await serve(device, ({ payload }) => ({ status: 200 + round, payload: { was: payload } }));
        assert.deepEqual([call.name, call.payload], ['set_speed', { rpm: round }]);
        const { json } = await answered;
        assert.deepEqual(json, { status: 200 + round, payload: { was: { rpm: round } } });
        await device.renew();
    }
    await device.disable('methods');
    const offline = await invoke(identity, 'reboot');
    assert.equal(offline.status, 404);
});

test("Python's module does methods", async (t) => {
    const module = await newModule(t, await newDevice(t));
    const device = await PythonDevice.create(t, module);
    await device.connect();
    await device.enable('methods');
    const answered = invoke(module, 'ping', null);
    await serve(device, () => ({ status: -1 }));
    assert.deepEqual((await answered).json.status, -1);
});

async function sendDown(device, message) {
    const answer = await rest.post(`/devices/${device.deviceId}/messages/deviceBound`, message);
    assert.equal(answer.status, 200, answer.text);
}

test('Python gets messages, those that came while it was away, too', async (t) => {
    const { identity, device } = await connect(t);
    await device.enable('c2d');
    await sendDown(identity, { payload: 'hello', messageId: 'm 1', correlationId: 'c/1', ack: 'none',
                               contentType: 'text/plain', properties: { zone: 'a&b=c', empty: '' } });
    const message = await device.messages.take();
    assert.equal(message.payload, 'hello');
    assert.equal(message.qos, 1);
    const { properties } = message;
    assert.equal(properties['$.mid'], 'm 1');
    assert.equal(properties['$.cid'], 'c/1');
    assert.equal(properties['$.ct'], 'text/plain');
    assert.equal(properties['$.to'], `/devices/${identity.deviceId}/messages/devicebound`);
    assert.deepEqual([properties.zone, properties.empty], ['a&b=c', '']);

    const waiting = async () => (await registry.get(identity.deviceId)).responseBody
        .cloudToDeviceMessageCount;
    // Acknowledged; otherwise it would come again.
    await until(async () => await waiting() === 0, 'the message to be done with');
    await device.disconnect();
    for (const payload of ['1', '2', '3']) await sendDown(identity, { payload });
    await device.connect();
    const payloads = (await device.messages.takeMany(3)).map(({ payload }) => payload);
    assert.deepEqual(payloads, ['1', '2', '3']);
    await until(async () => await waiting() === 0, 'all messages to be done with');
    await device.renew();
    await sendDown(identity, { payload: 'after' });
    assert.equal((await device.messages.take()).payload, 'after');
});

for (const websockets of [false, true])
    test(`Python is provisioned over MQTT${websockets ? ' over WebSocket' : ''}, and goes there`, async (t) => {
        const key = newKey();
        const { registrationId } = await enroll(t, {
            attestation: symmetric(key),
            initialTwin: { tags: { site: 'west' }, properties: { desired: { rate: 40 } } } });
        const answer = await PythonDevice.provision(t, { registrationId, key, idScope, websockets });
        assert.equal(answer.status, 200);
        assert.equal(answer.body.status, 'assigned');
        const { assignedHub, deviceId } = answer.body.registrationState;
        assert.deepEqual([assignedHub, deviceId], [hub.host, registrationId]);
        const device = await PythonDevice.create(t, { deviceId, authentication: {
            symmetricKey: { primaryKey: key } } }, { websockets });
        assert.equal((await device.connect()).code, 0);
        assert.equal((await device.getTwin()).body.desired.rate, 40);
    });

test('Python with a wrong key is not provisioned', async (t) => {
    const { registrationId } = await enroll(t);
    const answer = await PythonDevice.provision(t, { registrationId, key: newKey(), idScope });
    assert.equal(answer.status, 401);
    assert.equal(Math.floor(answer.body.errorCode / 1000), 401);
});
