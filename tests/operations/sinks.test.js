// Messages of devices on their way to files and webhooks.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentials, packets, RawMqtt, types } from '../end_to_end/lib/raw_mqtt.js';
import { Inbox, until } from '../end_to_end/lib/wait.js';
import { authority, serverCertificate } from '../end_to_end/lib/x509.js';
import { later, metric, newDevice, newFolder, newHub, refusedStart } from './lib/operator.js';

const secret = 'a secret of more than sixteen bytes';

async function connect(t, hub, deviceId) {
    const device = await newDevice(hub, deviceId);
    const client = await RawMqtt.connect(hub, credentials(hub, device));
    later(t, () => client.destroy());
    // Acknowledged when it returns.
    let id = 0;
    client.say = async (text) => {
        id += 1;
        client.send(packets.publish(`devices/${deviceId}/messages/events/n=${id}`, text,
                                    { qos: 1, id }));
        await client.received.take((packet) => packet.type === types.puback, 'PUBACK');
    };
    return client;
}

const lines = (file) => existsSync(file)
    ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line)) : [];
const textOf = (event) => Buffer.from(event.bodyBase64, 'base64').toString();
const sample = (hub, name, sink) => metric(hub, `sink_messages_${name}{sink="${sink}"}`);

// A receiver that keeps what it is sent, and answers what `status` says.
async function newReceiver(t, folder) {
    const ca = authority(folder, 'receiver-authority');
    const { certificate, key } = serverCertificate(ca, folder, 'localhost');
    const receiver = { ca: ca.file, batches: new Inbox(), status: () => 200 };
    const server = createServer({ cert: certificate, key }, (request, answer) => {
        const pieces = [];
        request.on('data', (piece) => pieces.push(piece));
        request.on('end', () => {
            const body = Buffer.concat(pieces);
            receiver.batches.put({ headers: request.headers, method: request.method,
                                   path: request.url, body });
            answer.writeHead(receiver.status()).end();
        });
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    receiver.port = server.address().port;
    later(t, () => { server.closeAllConnections(); server.close(); });
    return receiver;
}

test('a file sink writes every message, and puts full files aside', async (t) => {
    const folder = newFolder(t);
    const file = join(folder, 'messages.jsonl');
    const hub = await newHub(t, { folder, settings:
        `sinks:\n  - kind: file\n    name: archive\n    path: ${file}\n`
        + '    file_bytes_max: 64KiB\n    files_max: 3\n' });
    const client = await connect(t, hub, 'd1');
    await client.say('first');
    await until(() => lines(file).length === 1, 'the line');
    const [event] = lines(file);
    assert.equal(event.deviceId, 'd1');
    assert.equal(textOf(event), 'first');
    assert.deepEqual(event.properties, { n: '1' });

    for (let i = 0; i < 12; ++i) await client.say('x'.repeat(20_000));
    await until(async () => await sample(hub, 'handed_total', 'archive') === 13, 'all lines');
    assert.equal(await sample(hub, 'waiting', 'archive'), 0);
    assert.ok(existsSync(`${file}.1`) && existsSync(`${file}.2`) && !existsSync(`${file}.3`));
    const numbers = [`${file}.2`, `${file}.1`, file].flatMap(lines).map((each) => each.properties.n);
    assert.deepEqual(numbers, Array.from({ length: numbers.length },
                                         (_, i) => String(14 - numbers.length + i)));
    for (const each of [`${file}.1`, `${file}.2`])
        assert.ok(readFileSync(each).length <= 65_536, each);

    // It goes on in the same file after a restart.
    const before = lines(file).length;
    await hub.stop();
    await hub.start();
    const again = await RawMqtt.connect(hub, credentials(hub, {
        deviceId: 'd1', key: JSON.parse((await hub.run('device-identity', 'show', '-d', 'd1')).out)
            .authentication.symmetricKey.primaryKey }));
    later(t, () => again.destroy());
    again.send(packets.publish('devices/d1/messages/events/', 'after'));
    await until(() => lines(file).length === before + 1, 'the line after the restart');
});

test('a webhook gets signed batches, again when it fails', async (t) => {
    const folder = newFolder(t);
    const receiver = await newReceiver(t, folder);
    const secretFile = join(folder, 'hook.secret');
    writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 });
    const hub = await newHub(t, { folder, settings:
        `outgoing:\n  ca_file: ${receiver.ca}\n`
        + 'sinks:\n  - kind: webhook\n    name: hook\n    delay: 0s\n'
        + `    url: https://localhost:${receiver.port}/in?code=hidden\n`
        + `    secret_file: ${secretFile}\n` });
    const client = await connect(t, hub, 'd1');
    await client.say('one');
    const batch = await receiver.batches.take();
    assert.equal(batch.method, 'POST');
    assert.equal(batch.path, '/in?code=hidden');
    assert.equal(batch.headers['x-twinhub-hub'], 'localhost');
    const timestamp = batch.headers['x-twinhub-timestamp'];
    assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 60);
    assert.equal(batch.headers['x-twinhub-signature'], `sha256=${
        createHmac('sha256', secret).update(`${timestamp}.`).update(batch.body).digest('hex')}`);
    assert.deepEqual(JSON.parse(batch.body).map(textOf), ['one']);

    receiver.status = () => 503;
    await client.say('two');
    const failed = await receiver.batches.take();
    receiver.status = () => 204;
    await client.say('three');
    const repeated = await receiver.batches.take();
    assert.deepEqual(repeated.body, failed.body);
    assert.equal(repeated.headers['x-twinhub-batch'], failed.headers['x-twinhub-batch']);
    assert.deepEqual(JSON.parse((await receiver.batches.take()).body).map(textOf), ['three']);
    await until(async () => await sample(hub, 'handed_total', 'hook') === 3, 'three handed over');
    assert.equal(await metric(hub, 'sink_failures_total{sink="hook"}'), 1);
    assert.equal(await sample(hub, 'lost_total', 'hook') ?? 0, 0);

    // What is refused for good is lost, and said.
    receiver.status = () => 400;
    await client.say('bad');
    await until(async () => await sample(hub, 'lost_total', 'hook') === 1, 'the loss');
    assert.match(hub.text(), /sink\.lost sink=hook messages=1 why="the receiver refused them"/);
    for (const hidden of ['code=hidden', secret]) assert.ok(!hub.text().includes(hidden));
});

test('an orderly stop hands over what waits', async (t) => {
    const folder = newFolder(t);
    const receiver = await newReceiver(t, folder);
    const hub = await newHub(t, { folder, settings:
        `outgoing:\n  ca_file: ${receiver.ca}\n`
        + 'sinks:\n  - kind: webhook\n    name: hook\n    delay: 1h\n'
        + `    url: https://localhost:${receiver.port}/\n` });
    const client = await connect(t, hub, 'd1');
    for (const text of ['a', 'b', 'c']) await client.say(text);
    assert.equal(receiver.batches.size, 0);
    await hub.stop();
    assert.deepEqual(JSON.parse((await receiver.batches.take()).body).map(textOf), ['a', 'b', 'c']);
});

test('a webhook whose certificate is not trusted gets nothing, and the hub goes on', async (t) => {
    const folder = newFolder(t);
    const receiver = await newReceiver(t, folder);
    const hub = await newHub(t, { folder, settings:
        'sinks:\n  - kind: webhook\n    name: hook\n    delay: 0s\n    retry_for: 0s\n'
        + `    url: https://localhost:${receiver.port}/\n` });
    const client = await connect(t, hub, 'd1');
    for (let i = 0; i < 3; ++i) await client.say('x');
    await until(async () => await sample(hub, 'lost_total', 'hook') === 3, 'three lost');
    assert.match(hub.text(), /sink\.failed sink=hook .*not trusted/);
    assert.equal(receiver.batches.size, 0);
});

test('a sink whose secret others can read does not start', async (t) => {
    const folder = newFolder(t);
    const secretFile = join(folder, 'hook.secret');
    const settings = 'sinks:\n  - kind: webhook\n    name: hook\n    url: https://localhost/\n'
        + `    secret_file: ${secretFile}\n`;
    writeFileSync(secretFile, secret, { mode: 0o644 });
    const hub = await newHub(t, { folder, settings, wait: false });
    assert.notEqual((await hub.exited).code, 0);
    writeFileSync(secretFile, 'short');
    chmodSync(secretFile, 0o600);
    const { code, text } = await refusedStart(hub);
    assert.notEqual(code, 0);
    assert.match(text, /16 bytes/);
});
