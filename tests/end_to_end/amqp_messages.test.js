// Messages to devices, their feedback and methods as the service SDK's Client and the device SDK
// carry them over AMQP (specification: device-protocols 4.5, 4.6; service-api 10).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import iothub from 'azure-iothub';
import {
    Amqp, AmqpWs, connect, connectRaw, hub, Message, newDevice, newId, transports,
} from './lib/fixture.js';
import { Inbox, nextEvent } from './lib/wait.js';

const { Client } = iothub;

async function openService(t, transport = iothub.Amqp, policy = 'service') {
    const client = Client.fromConnectionString(hub.connectionStringOf(policy), transport);
    await client.open();
    t.after(() => client.close().catch(() => {}));
    return client;
}

function inboxOf(client) {
    const inbox = new Inbox();
    client.on('message', (message) => inbox.put(message));
    return inbox;
}

const send = async (service, { deviceId }, text, more = {}) => {
    const message = new Message(text);
    Object.assign(message, more);
    await service.send(deviceId, message);
};

for (const [name, transport] of transports) {
    test(`a message reaches a device over ${name}`, async (t) => {
        const device = await newDevice(t);
        const service = await openService(t);
        const waiting = new Message('{"fan":"on"}');
        waiting.messageId = 'm 1';
        waiting.correlationId = 'c/1';
        waiting.contentType = 'application/json';
        waiting.contentEncoding = 'utf-8';
        waiting.properties.add('room', 'kitchen & hall');
        await service.send(device.deviceId, waiting);
        const client = await connect(t, device, { transport });
        const inbox = inboxOf(client);
        const first = await inbox.take();
        assert.equal(first.getData().toString(), '{"fan":"on"}');
        assert.equal(first.messageId, 'm 1');
        assert.equal(first.correlationId, 'c/1');
        assert.equal(first.contentType, 'application/json');
        assert.equal(first.to, `/devices/${device.deviceId}/messages/devicebound`);
        assert.equal(first.properties.propertyList.find(({ key }) => key === 'room').value,
                     'kitchen & hall');
        await client.complete(first);
        await send(service, device, 'second');
        const second = await inbox.take();
        assert.equal(second.getData().toString(), 'second');
        await client.complete(second);
    });

    test(`a method is done over ${name}`, async (t) => {
        const device = await newDevice(t);
        const client = await connect(t, device, { transport });
        client.onDeviceMethod('reboot', (request, response) => {
            response.send(207, { got: request.payload }, () => {});
        });
        const service = await openService(t);
        // The SDK does not say when the device can be asked.
        for (let attempt = 1; ; ++attempt) {
            try {
                const { result } = await service.invokeDeviceMethod(device.deviceId, {
                    methodName: 'reboot', payload: { delay: 3 }, responseTimeoutInSeconds: 10,
                    connectTimeoutInSeconds: 5 });
                assert.equal(result.status, 207);
                assert.deepEqual(result.payload, { got: { delay: 3 } });
                return;
            } catch (error) {
                if (attempt === 3) throw error;
            }
        }
    });
}

for (const [name, transport] of [['AMQP', Amqp], ['AMQP over WebSocket', AmqpWs]]) {
    test(`an abandoned message comes again, a rejected one does not, over ${name}`, async (t) => {
        const device = await newDevice(t);
        const service = await openService(t);
        const client = await connect(t, device, { transport });
        const inbox = inboxOf(client);
        await send(service, device, 'again');
        await client.abandon(await inbox.take());
        const again = await inbox.take();
        assert.equal(again.getData().toString(), 'again');
        await client.reject(again);
        await send(service, device, 'next');
        const next = await inbox.take();
        assert.equal(next.getData().toString(), 'next');
        await client.complete(next);
    });
}

for (const [name, transport] of [['AMQP', iothub.Amqp], ['AMQP over WebSocket', iothub.AmqpWs]]) {
    test(`a service hears what became of its messages over ${name}`, async (t) => {
        const device = await newDevice(t);
        const service = await openService(t, transport);
        const { result: receiver } = await service.getFeedbackReceiver();
        const feedback = new Inbox();
        receiver.on('message', (message) => {
            const records = message.data ?? message.getData();
            for (const record of typeof records === 'string' || Buffer.isBuffer(records)
                ? JSON.parse(records.toString()) : records) feedback.put(record);
            receiver.complete(message, () => {});
        });
        const client = await connect(t, device, { transport: Amqp });
        const inbox = inboxOf(client);
        const messageId = newId('asked');
        await send(service, device, 'x', { messageId, ack: 'full' });
        await client.complete(await inbox.take());
        const record = await feedback.take((one) => one.originalMessageId === messageId);
        assert.equal(record.deviceId, device.deviceId);
        assert.equal(record.statusCode, 'Success');
    });
}

test('a message that nobody can get is refused with the reason', async (t) => {
    const service = await openService(t);
    await assert.rejects(service.send(newId('nobody'), new Message('x')),
                         { name: 'DeviceNotFoundError' });
    const device = await newDevice(t);
    const full = Array.from({ length: 50 }, () => service.send(device.deviceId, new Message('x')));
    await Promise.all(full);
    await assert.rejects(service.send(device.deviceId, new Message('x')));
});

test('a policy without the right cannot send', async (t) => {
    const device = await newDevice(t);
    await assert.rejects((async () => {
        const service = await openService(t, iothub.Amqp, 'registryRead');
        await service.send(device.deviceId, new Message('x'));
    })());
});

test('a file notification receiver opens, and hears nothing', async (t) => {
    const service = await openService(t);
    const { result: receiver } = await service.getFileNotificationReceiver();
    receiver.on('message', () => {});
});

test('over MQTT and AMQP it is one identity with one connection', async (t) => {
    const device = await newDevice(t);
    const first = await connectRaw(t, device);
    const second = await connect(t, device, { transport: Amqp });
    await first.waitClosed();
    const dropped = nextEvent(second, 'disconnect');
    await connectRaw(t, device);
    await dropped;
});
