// Direct methods: a service asks, a device answers (specification: service-api 10.1,
// device-protocols 3.1).
import assert from 'node:assert/strict';
import iothub from 'azure-iothub';
import { test } from 'node:test';
import {
    connect, connectRaw, hub, newDevice, newId, newModule, rest, transports,
} from './lib/fixture.js';
import { packets } from './lib/raw_mqtt.js';
import { Inbox, until } from './lib/wait.js';

const service = iothub.Client.fromConnectionString(hub.connectionString);

const invoke = async (id, parameters, module) =>
    (await (module ? service.invokeDeviceMethod(id, module, parameters)
        : service.invokeDeviceMethod(id, parameters))).result;

// Answers with what it was asked.
function echo(client, name, status = 200) {
    const asked = new Inbox();
    client.onDeviceMethod(name, (request, response) => {
        asked.put(request.payload);
        response.send(status, { got: request.payload, method: request.methodName }, () => {});
    });
    return asked;
}

// The SDK subscribes when the handler is new, without telling when that is done.
async function invokeSoon(id, parameters, module) {
    return invoke(id, { connectTimeoutInSeconds: 20, responseTimeoutInSeconds: 20, ...parameters },
                  module);
}

const refused = (promise, name, status) => assert.rejects(promise, (error) => {
    assert.equal(error.name, name, error.stack);
    if (status) assert.equal(error.response?.statusCode, status);
    return true;
});

// (Over AMQP the SDK attaches its links before it listens: what is asked at once goes lost.)
for (const [name, transport] of transports.filter(([name]) => name.startsWith('MQTT'))) {
    test(`a method is invoked and answers over ${name}`, async (t) => {
        const device = await newDevice(t);
        const client = await connect(t, device, { transport });
        echo(client, 'echo', 207);
        for (const payload of [{ a: [1, 'ü', null] }, 'text', 7.5, false, [], null])
            assert.deepEqual(await invokeSoon(device.deviceId, { methodName: 'echo', payload }),
                             { status: 207, payload: { got: payload, method: 'echo' } });
        assert.deepEqual(await invokeSoon(device.deviceId, { methodName: 'echo' }),
                         { status: 207, payload: { got: null, method: 'echo' } });
    });
}

test("a module's methods are its own", async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const [of_device, of_module] = await Promise.all([connect(t, device), connect(t, module)]);
    of_device.onDeviceMethod('who', (request, response) => response.send(200, 'device', () => {}));
    of_module.onMethod('who', (request, response) => response.send(200, 'module', () => {}));
    assert.equal((await invokeSoon(device.deviceId, { methodName: 'who' })).payload, 'device');
    assert.equal((await invokeSoon(device.deviceId, { methodName: 'who' },
                                   module.moduleId)).payload, 'module');
});

test('a large payload goes both ways', async (t) => {
    const device = await newDevice(t);
    echo(await connect(t, device), 'echo');
    const payload = 'x'.repeat(120 * 1024);
    assert.equal((await invokeSoon(device.deviceId, { methodName: 'echo', payload }))
        .payload.got.length, payload.length);
});

test('a device that is away, or takes no methods, is not online', async (t) => {
    const device = await newDevice(t);
    await refused(invoke(device.deviceId, { methodName: 'a' }), 'Error', 404);
    const answer = await rest.post(`/twins/${device.deviceId}/methods`, { methodName: 'a' });
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['iothub-errorcode'], 'DeviceNotOnline');
    assert.equal(JSON.parse(answer.json.Message).errorCode, 404103);
    await connect(t, device);
    await refused(invoke(device.deviceId, { methodName: 'a' }), 'Error', 404);
});

test('a device that is not there is not found', async (t) => {
    await refused(invoke(newId(), { methodName: 'a' }), 'DeviceNotFoundError', 404);
    const device = await newDevice(t);
    await refused(invoke(device.deviceId, { methodName: 'a' }, 'nobody'), 'Error', 404);
});

test('a method without an answer ends with its time', async (t) => {
    const device = await newDevice(t);
    const client = await connect(t, device);
    const asked = new Inbox();
    client.onDeviceMethod('silent', (request) => asked.put(request.methodName));
    await refused(invokeSoon(device.deviceId, { methodName: 'silent', connectTimeoutInSeconds: 5,
                                                responseTimeoutInSeconds: 5 }),
                  'GatewayTimeoutError', 504);
    assert.equal(await asked.take(), 'silent');
});

test('a method waits for the device to come', async (t) => {
    const device = await newDevice(t);
    const answer = invokeSoon(device.deviceId, { methodName: 'late', payload: 1 });
    const client = await connect(t, device);
    echo(client, 'late');
    assert.equal((await answer).payload.got, 1);
});

test('wrong times and names are refused', async (t) => {
    const device = await newDevice(t);
    for (const parameters of [
        { methodName: 'a', responseTimeoutInSeconds: 4 },
        { methodName: 'a', responseTimeoutInSeconds: 301 },
        { methodName: 'a', responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 11 },
        { methodName: 'a b' }])
        await refused(invoke(device.deviceId, parameters), 'ArgumentError', 400);
});

test('a device that answers no JSON is told as a bad answer', async (t) => {
    const device = await newDevice(t);
    const client = await connectRaw(t, device);
    await client.subscribe('$iothub/methods/POST/#');
    const answer = invoke(device.deviceId, { methodName: 'bad' });
    const { topic, payload, qos } = await client.published.take();
    const rid = topic.match(/^\$iothub\/methods\/POST\/bad\/\?\$rid=([0-9a-f]+)$/)[1];
    assert.equal(payload.toString(), 'null');
    assert.equal(qos, 0);
    client.send(packets.publish(`$iothub/methods/res/200/?$rid=${rid}`, 'no json'));
    await refused(answer, 'BadDeviceResponseError', 502);
});

test('methods go on after a reconnect without a SUBSCRIBE', async (t) => {
    const device = await newDevice(t);
    let client = await connectRaw(t, device);
    await client.subscribe(['$iothub/methods/POST/one/#', '$iothub/twin/res/#']);
    client.destroy();
    client = await connectRaw(t, device); // as the Python SDK when it renews its token
    await until(async () => (await rest.get(`/twins/${device.deviceId}`)).json.connectionState
        === 'Connected', 'the device is back');
    const answer = invokeSoon(device.deviceId, { methodName: 'one' });
    const { topic } = await client.published.take();
    client.send(packets.publish(topic.replace('POST/one', 'res/-5'), '{"ok":true}', { qos: 1 }));
    assert.deepEqual(await answer, { status: -5, payload: { ok: true } });
    await refused(invoke(device.deviceId, { methodName: 'two' }), 'Error', 404);
});
