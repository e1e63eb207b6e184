// What devices send, as the stream of device events shows it (specification: device-protocols 1.5,
// 1.8, 3.2).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import {
    connect, connectRaw, hub, keyOf, Message, newDevice, newModule, rest, transports,
} from './lib/fixture.js';
import { binary, Hub } from './lib/hub.js';
import { credentials, packets, RawMqtt, types } from './lib/raw_mqtt.js';
import { listen, open } from './lib/device_events.js';
import { Rest } from './lib/rest.js';
import { Inbox, until, withDeadline } from './lib/wait.js';

for (const [name, transport] of transports) {
    test(`a message sent over ${name} arrives with its properties`, async (t) => {
        const device = await newDevice(t);
        const inbox = await listen(t, device);
        const client = await connect(t, device, { transport });
        const message = new Message(JSON.stringify({ temperature: 21.5, unit: '°C' }));
        message.contentType = 'application/json';
        message.contentEncoding = 'utf-8';
        message.messageId = 'm-1';
        message.correlationId = 'c/1&2=3';
        message.properties.add('level', 'a b&c=d%/ü');
        message.properties.add('empty', '');
        const before = Date.now();
        await client.sendEvent(message);
        const event = await inbox.take();
        const at = Date.parse(event.enqueuedTime);
        assert.ok(at >= before - 1000 && at <= Date.now() + 1000, event.enqueuedTime);
        delete event.enqueuedTime;
        assert.deepEqual(event, {
            deviceId: device.deviceId,
            properties: { level: 'a b&c=d%/ü', empty: '' },
            systemProperties: { messageId: 'm-1', correlationId: 'c/1&2=3',
                                contentType: 'application/json', contentEncoding: 'utf-8' },
            body: { temperature: 21.5, unit: '°C' },
        });
    });
}

test('a message that does not say that it is JSON arrives byte for byte', async (t) => {
    const device = await newDevice(t);
    const inbox = await listen(t, device);
    const client = await connect(t, device);
    const bytes = Buffer.from([0, 1, 2, 10, 13, 34, 128, 255]);
    await client.sendEvent(new Message(bytes));
    const event = await inbox.take();
    assert.deepEqual(Buffer.from(event.bodyBase64, 'base64'), bytes);
    assert.ok(!('body' in event) && !('systemProperties' in event) && !('moduleId' in event));
});

test('messages arrive in the order in which they were sent', async (t) => {
    const device = await newDevice(t);
    const inbox = await listen(t, device);
    const client = await connectRaw(t, device);
    const topic = `devices/${device.deviceId}/messages/events/`;
    client.send(...Array.from({ length: 300 }, (_, i) => packets.publish(topic, String(i))));
    const events = await inbox.takeMany(300);
    assert.deepEqual(events.map((event) => Buffer.from(event.bodyBase64, 'base64').toString()),
                     Array.from({ length: 300 }, (_, i) => String(i)));
});

test("a module's message names the module and the output", async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const inbox = await listen(t, device);
    const client = await connect(t, module);
    await client.sendEvent(new Message('plain'));
    let event = await inbox.take();
    assert.equal(event.moduleId, module.moduleId);
    assert.equal(event.deviceId, device.deviceId);
    await client.sendOutputEvent('alarms', new Message('plain'));
    event = await inbox.take();
    assert.equal(event.systemProperties.outputName, 'alarms');
});

test('RETAIN shows as a property', async (t) => {
    const device = await newDevice(t);
    const inbox = await listen(t, device);
    const client = await connectRaw(t, device);
    const topic = `devices/${device.deviceId}/messages/events/a=b`;
    client.send(packets.publish(topic, 'x', { retain: true, qos: 1, id: 7 }));
    const puback = await client.received.take((p) => p.type === types.puback, 'PUBACK');
    assert.equal(puback.body.readUInt16BE(0), 7);
    assert.deepEqual((await inbox.take()).properties, { a: 'b', 'mqtt-retain': 'true' });
});

test('the will of a device that vanishes is published, after DISCONNECT it is not', async (t) => {
    const device = await newDevice(t);
    const inbox = await listen(t, device);
    const will = { topic: `devices/${device.deviceId}/messages/events/why=will`,
                   payload: 'gone', qos: 1 };
    const first = await connectRaw(t, device, { will });
    await first.disconnect();
    const second = await connectRaw(t, device, { will: { ...will, payload: 'really gone' } });
    await second.ping();
    second.destroy();
    // The first that arrives is that of the second connection: the first one left none.
    const event = await inbox.take();
    assert.equal(Buffer.from(event.bodyBase64, 'base64').toString(), 'really gone');
    assert.deepEqual(event.properties, { why: 'will', 'iothub-MessageType': 'Will' });
});

test('the stream is for those who may connect as a service', async () => {
    for (const policy of ['device', 'registryRead', 'registryReadWrite']) {
        const client = new Rest(hub, hub.connectionStringOf(policy));
        const answer = await client.get('/twinhub/device-events');
        assert.equal(answer.status, 401, policy);
        assert.equal(answer.errorName, 'IotHubUnauthorizedAccess');
        client.close();
    }
    const stranger = await rest.get('/twinhub/device-events', { Authorization: undefined });
    assert.equal(stranger.status, 401);
});

test('a reader that does not keep up loses messages, the hub and other readers do not', async (t) => {
    const device = await newDevice(t);
    const slow = await open(t); // not read: the socket's buffers fill up
    assert.equal(slow.statusCode, 200);
    slow.pause();
    const quick = await listen(t, device);
    const client = await connectRaw(t, device);
    const topic = `devices/${device.deviceId}/messages/events/`;
    const payload = Buffer.alloc(60_000, 'x');
    const count = 400;
    for (let i = 1; i <= count; i++) {
        client.send(packets.publish(topic, payload, { qos: 1, id: i }));
        await client.received.take((p) => p.type === types.puback, `PUBACK ${i}`);
    }
    let seen = 0;
    while (seen < count) {
        const event = await quick.take();
        seen += event.lost ?? 1;
        assert.equal(event.lost, undefined, 'a reader that reads loses nothing');
    }
    // Once it reads on, it is told what it lost.
    let text = '';
    slow.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('error', () => {});
    slow.resume();
    const [, lost] = await until(() => /^\{"lost":(\d+)\}$/m.exec(text),
                                 'the line that says what was lost');
    const got = text.split('\n').filter((line) => line.includes(device.deviceId)).length;
    assert.equal(Number(lost) + got, count);
});

test('a large message arrives whole', async (t) => {
    const device = await newDevice(t);
    const inbox = await listen(t, device);
    const client = await connect(t, device);
    const payload = 'y'.repeat(250_000);
    await client.sendEvent(new Message(payload));
    const event = await inbox.take();
    assert.equal(Buffer.from(event.bodyBase64, 'base64').toString(), payload);
});

// The command line: `device-events tail` as a process, with what it printed.
function tail(t, of, words = [], connectionString = of.connectionString,
              command = ['device-events', 'tail']) {
    const child = spawn(binary(), [
        ...command, '--login', connectionString, '--port', String(of.httpsPort),
        '--ca-file', `${of.dataFolder}/ca.pem`, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    const lines = new Inbox();
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => {
        const found = (text + piece).split('\n');
        text = found.pop();
        for (const line of found) lines.put(JSON.parse(line));
    });
    let problem = '';
    child.stderr.setEncoding('utf8').on('data', (piece) => { problem += piece; });
    const exited = new Promise((done) => child.once('close', (code, signal) => {
        lines.end();
        done({ code, signal, problem });
    }));
    return { child, lines, exited: () => withDeadline(exited, 'the command to end') };
}

// Sends until the first message is shown: only that tells that the command listens by now.
async function untilShown(lines, send) {
    let shown;
    lines.take().then((event) => { shown = event; }, () => {});
    return until(async () => {
        await send();
        return shown;
    }, 'the first line');
}

test('`device-events tail` shows each message as it comes, until Ctrl-C', async (t) => {
    const [device, other] = [await newDevice(t), await newDevice(t)];
    const { child, lines, exited } = tail(t, hub, ['--device-id', device.deviceId]);
    const [client, stranger] = [await connect(t, device), await connect(t, other)];
    const first = await untilShown(lines, async () => {
        await stranger.sendEvent(new Message('not for us'));
        await client.sendEvent(new Message('hello'));
    });
    assert.equal(first.deviceId, device.deviceId);
    await client.sendEvent(new Message('last'));
    await lines.take((e) => Buffer.from(e.bodyBase64, 'base64').toString() === 'last');
    child.kill('SIGINT');
    const { code, signal } = await exited();
    assert.ok(signal === 'SIGINT' || code === 0, `${code} ${signal}`);
});

test('`device-events tail` says that the server ended', async (t) => {
    const own = await Hub.startAnywhere();
    t.after(async () => {
        await own.kill();
        own.remove();
    });
    const service = new Rest(own);
    t.after(() => service.close());
    const { json: device } = await service.put('/devices/d', { deviceId: 'd' });
    const client = await RawMqtt.connect(own, credentials(own, { ...device, key: keyOf(device) }));
    t.after(() => client.destroy());
    const { lines, exited } = tail(t, own);
    await untilShown(lines, async () => {
        client.send(packets.publish('devices/d/messages/events/', 'x'));
        await client.ping();
    });
    own.process.kill('SIGTERM');
    const { code, problem } = await exited();
    assert.equal(code, 1);
    assert.match(problem, /the server ended the stream/);
    assert.deepEqual(await own.exited, { code: 0, signal: null });
});

test('`device-events tail` says why it is refused', async (t) => {
    const { code, problem } = await tail(
        t, hub, [], hub.connectionStringOf('registryRead')).exited();
    assert.equal(code, 1, problem);
    assert.match(problem, /IotHubUnauthorizedAccess/);
});

test('`monitor-events` shows messages as az does, and ends when none come', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const { lines, exited } = tail(
        t, hub, ['-d', `${device.deviceId}*`, '-p', 'app', 'sys', '--timeout', '2', '-o', 'ndjson'],
        hub.connectionString, ['monitor-events']);
    const client = await connect(t, device);
    const message = new Message('{"a":1}');
    message.contentType = 'application/json';
    message.properties.add('level', 'high');
    const first = await untilShown(lines, () => client.sendEvent(message));
    assert.deepEqual(first, { event: {
        origin: device.deviceId, module: '', interface: '', component: '',
        properties: { system: { content_type: 'application/json' }, application: { level: 'high' } },
        payload: { a: 1 } } });
    const part = await connect(t, module);
    await part.sendEvent(new Message('text'));
    const { event } = await lines.take((each) => each.event.module !== '');
    assert.equal(event.payload, 'text');
    assert.equal((await exited()).code, 0);
});
