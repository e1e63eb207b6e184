// AMQP as the C SDK, .NET and bare clients speak it (specification: device-protocols 4): how they open the
// connection, the types they send and insist on, the addresses they write.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import rhea from 'rhea';
import {
    getTwin, hub, keyOf, newDevice, newId, newModule, patchDesired, registry, values,
} from './lib/fixture.js';
import { listen } from './lib/device_events.js';
import { randomKey, sasToken, spellings } from './lib/sas.js';
import { Inbox, nextEvent, until, withDeadline } from './lib/wait.js';
import { authority, signedBy } from './lib/x509.js';

const { message: amqp } = rhea;
const form = (text) => encodeURIComponent(text).replaceAll('%20', '+');
const data = (text) => amqp.data_section(Buffer.from(text));
const textOf = (message) => (message.body?.content ?? message.body ?? '').toString();

// The C SDK's own mechanism, which grants nothing yet.
const mssbcbs = { MSSBCBS: () => ({ start: (done) => done(undefined, ''), step: (done) => done() }) };

// An orderly end: rhea's timers end with it, and the test with them.
async function close(connection) {
    if (!connection.is_open()) return;
    const closed = nextEvent(connection, 'connection_close', 'the end of the connection');
    connection.close();
    await closed.catch(() => {});
    connection.socket?.destroy();
}

async function open(t, options = {}) {
    const connection = rhea.create_container({ id: randomUUID() }).connect({
        transport: 'tls', host: hub.address, port: hub.amqpPort, ca: hub.ca, servername: hub.host,
        hostname: hub.host, reconnect: false, ...options });
    for (const event of ['disconnected', 'connection_error', 'connection_close', 'session_error',
                         'sender_error', 'receiver_error', 'error'])
        connection.on(event, () => {});
    t.after(() => close(connection));
    await nextEvent(connection, 'connection_open');
    return connection;
}

async function openSender(connection, options) {
    const sender = connection.open_sender(options);
    await nextEvent(sender, 'sendable', `credit for ${options.target ?? options.name}`);
    return sender;
}

async function openReceiver(connection, options) {
    const receiver = connection.open_receiver({ autoaccept: false, ...options });
    const inbox = new Inbox();
    receiver.on('message', ({ message, delivery }) => inbox.put({ message, delivery }));
    await nextEvent(receiver, 'receiver_open', `the link of ${options.source}`);
    return { receiver, inbox };
}

// A connection has one pair of links for all its tokens.
const cbs = new WeakMap();

// Puts a token; gives the response, whatever it says.
async function putToken(connection, { token, name, messageId }) {
    if (!cbs.has(connection))
        cbs.set(connection, {
            inbox: (await openReceiver(connection, { source: '$cbs', autoaccept: true })).inbox,
            sender: await openSender(connection, { target: '$cbs' }) });
    const { inbox, sender } = cbs.get(connection);
    sender.send({ message_id: messageId, to: '$cbs', reply_to: 'cbs', body: token,
                  application_properties: { operation: 'put-token', name,
                                            type: 'servicebus.windows.net:sastoken' } });
    return (await inbox.take(() => true, 'the answer to put-token')).message;
}

// What is peculiar to a family.
const families = {
    C: {
        sasl_mechanisms: mssbcbs,
        prefix: () => `amqps://${hub.host}`,
        id: (id) => id,
        token: (resource, key) => sasToken({ resource, key, order: ['sr', 'sig', 'se'],
                                             spelling: spellings.plain }),
        messageId: () => 7, // a ulong
        correlation: () => randomUUID(),
        body: () => data(' '),
        unsubscribe: 'PUT', // its state machine means DELETE
        version: {},
        names: () => [`link-snd-${randomUUID()}`, `link-rcv-${randomUUID()}`],
    },
    '.NET': {
        prefix: () => `amqps://${hub.host}:5671`,
        id: (id) => encodeURIComponent(id),
        token: (resource, key) => sasToken({ resource, key, order: ['sr', 'sig', 'se'],
                                             spelling: form }),
        messageId: () => randomUUID(),
        correlation: (operation) => `${operation[0]}${operation.slice(1).toLowerCase()}${randomUUID()}`,
        body: () => undefined,
        unsubscribe: 'DELETE',
        version: { version: null },
        names: () => ['TwinSenderLink', 'TwinReceiverLink'],
    },
};

async function authorise(connection, family, identity) {
    const path = (id) => `devices/${id(identity.deviceId)}`
        + (identity.moduleId ? `/modules/${id(identity.moduleId)}` : '');
    const resource = `${hub.host}/${path(family === families.C ? (id) => id : form)}`;
    const id = family.messageId();
    const answer = await putToken(connection, { token: family.token(resource, keyOf(identity)),
                                                name: `${hub.host}/${path(family.id)}`, messageId: id });
    assert.equal(answer.application_properties['status-code'], 200,
                 answer.application_properties['status-description']);
    assert.equal(answer.correlation_id, typeof id === 'string' ? id : 7);
}

// The twin's links of an identity, and requests on them.
async function twinLinks(connection, family, identity) {
    const path = `/devices/${family.id(identity.deviceId)}`
        + (identity.moduleId ? `/modules/${family.id(identity.moduleId)}` : '') + '/twin';
    const address = family.prefix() + path;
    const properties = { 'com.microsoft:client-version': 'a client',
                         'com.microsoft:channel-correlation-id': `twin:${randomUUID()}`,
                         'com.microsoft:api-version': '2020-09-30' };
    const [senderName, receiverName] = family.names();
    const common = { properties, snd_settle_mode: 1, rcv_settle_mode: 0 };
    const { receiver, inbox } = await openReceiver(
        connection, { source: address, name: receiverName, ...common });
    const sender = await openSender(connection, { target: address, name: senderName, ...common });
    assert.equal(receiver.remote.attach.source.address, address);
    const changes = new Inbox();
    const request = async (operation, resource, body = family.body()) => {
        const correlation_id = family.correlation(operation);
        sender.send({ correlation_id, ...(body && { body }), message_annotations: {
            operation, ...(resource && { resource }), ...(operation === 'GET' ? {} : family.version) } });
        for (;;) {
            const { message, delivery } = await inbox.take(() => true, `the answer to ${operation}`);
            if (!delivery.remote_settled) delivery.accept();
            if (message.correlation_id === undefined || message.correlation_id === null) {
                changes.put(message);
                continue;
            }
            assert.equal(message.correlation_id, correlation_id);
            return { status: message.message_annotations.status, text: textOf(message),
                     version: message.message_annotations.version };
        }
    };
    const nextChange = async () => {
        if (changes.size > 0) return changes.take();
        return (await inbox.take(() => true, 'a change')).message;
    };
    return { request, nextChange };
}

const reported = '/properties/reported';
const desired = '/notifications/twin/properties/desired';

for (const [name, family] of Object.entries(families)) {
    test(`${name}'s twin over AMQP`, async (t) => {
        // An id that .NET has to escape.
        const identity = await newDevice(t, { deviceId: newId('family@1') });
        const connection = await open(t, family);
        await authorise(connection, family, identity);
        const { request, nextChange } = await twinLinks(connection, family, identity);
        const first = await request('GET');
        assert.equal(first.status, 200);
        assert.deepEqual(JSON.parse(first.text), { desired: { $version: 1 }, reported: { $version: 1 } });
        const report = await request('PATCH', reported, data('{"fw":"1.0"}'));
        assert.deepEqual([report.status, Number(report.version), report.text], [204, 2, '']);
        assert.deepEqual(values((await getTwin(identity.deviceId)).properties.reported), { fw: '1.0' });
        const refused = await request('PATCH', reported, data('{"a b":1}'));
        assert.equal(refused.status, 400);
        assert.equal(JSON.parse(refused.text).errorCode, 400004);

        assert.equal((await request('PUT', desired)).status, 200);
        await patchDesired(identity.deviceId, { interval: 10 });
        const change = await nextChange();
        assert.deepEqual(JSON.parse(textOf(change)), { interval: 10, $version: 2 });
        assert.equal(Number(change.message_annotations.version), 2);
        assert.equal(change.message_annotations.resource, '/properties/desired');
        assert.equal((await request(family.unsubscribe, desired)).status, 200);
    });

    test(`${name}'s module has a twin over AMQP`, async (t) => {
        const identity = await newModule(t, await newDevice(t));
        const connection = await open(t, family);
        await authorise(connection, family, identity);
        const { request } = await twinLinks(connection, family, identity);
        assert.equal((await request('PATCH', reported, data('{"a":1}'))).status, 204);
        assert.equal(values((await registry.getModuleTwin(identity.deviceId, identity.moduleId))
            .responseBody.properties.reported).a, 1);
    });

    test(`${name}'s messages arrive over AMQP`, async (t) => {
        const identity = await newDevice(t, { deviceId: newId('family@2') });
        const inbox = await listen(t, identity);
        const connection = await open(t, family);
        await authorise(connection, family, identity);
        const sender = await openSender(connection, {
            target: `${family.prefix()}/devices/${family.id(identity.deviceId)}/messages/events`,
            properties: { 'com.microsoft:model-id': 'dtmi:com:example:Thermostat;1',
                          'com.microsoft:api-version': '2020-09-30' } });
        const accepted = nextEvent(sender, 'accepted', 'the message to be accepted');
        sender.send({ message_id: 'm1', correlation_id: 'c1', content_type: 'application/json',
                      content_encoding: 'utf-8', body: data('{"t":1}'),
                      application_properties: { zone: 'a&b' } });
        await accepted;
        const event = await inbox.take();
        assert.deepEqual(event.body, { t: 1 });
        assert.deepEqual(event.properties, { zone: 'a&b' });
        assert.deepEqual([event.systemProperties.messageId, event.systemProperties.correlationId],
                         ['m1', 'c1']);
    });

    test(`${name} with a wrong key is refused by $cbs over AMQP`, async (t) => {
        const identity = await newDevice(t);
        const connection = await open(t, family);
        const resource = `${hub.host}/devices/${identity.deviceId}`;
        const answer = await putToken(connection, {
            token: family.token(resource, randomKey()), name: resource, messageId: 'm' });
        assert.equal(answer.application_properties['status-code'], 401);
        // A link is attached, and at once closed again with the reason.
        const sender = connection.open_sender({ target: `/devices/${identity.deviceId}/messages/events` });
        await nextEvent(sender, 'sender_error');
        assert.equal(sender.error.condition, 'amqp:unauthorized-access');
    });
}

test('two devices of the C SDK share a connection over AMQP', async (t) => {
    const [first, second] = [await newDevice(t), await newDevice(t)];
    const connection = await open(t, families.C);
    const links = [];
    for (const identity of [first, second]) {
        await authorise(connection, families.C, identity);
        links.push(await twinLinks(connection, families.C, identity));
    }
    for (const { request } of links) assert.equal((await request('PUT', desired)).status, 200);
    await patchDesired(second.deviceId, { n: 2 });
    await patchDesired(first.deviceId, { n: 1 });
    assert.equal(JSON.parse(textOf(await links[0].nextChange())).n, 1);
    assert.equal(JSON.parse(textOf(await links[1].nextChange())).n, 2);
});

test('a certificate of the C SDK needs neither SASL nor $cbs over AMQP', async (t) => {
    const deviceId = newId('family');
    const proof = signedBy(authority(hub.folder, 'device-authority'), hub.folder, deviceId);
    const identity = await newDevice(t, { deviceId, authentication: { type: 'certificateAuthority' } });
    const connection = await open(t, { cert: proof.certificate, key: proof.key });
    const { request } = await twinLinks(connection, families.C, identity);
    assert.equal((await request('GET')).status, 200);
});

test('a bare client says who it is with SASL PLAIN over AMQP', async (t) => {
    const identity = await newDevice(t);
    const hubName = hub.host.split('.')[0];
    const token = sasToken({ resource: `${hub.host}/devices/${identity.deviceId}`, key: keyOf(identity) });
    const connection = await open(t, { username: `${identity.deviceId}@sas.${hubName}`, password: token });
    const inbox = await listen(t, identity);
    const sender = await openSender(connection, { target: `/devices/${identity.deviceId}/messages/events` });
    sender.send({ body: data('plain') });
    assert.equal(Buffer.from((await inbox.take()).bodyBase64, 'base64').toString(), 'plain');

    const refused = rhea.create_container().connect({
        transport: 'tls', host: hub.address, port: hub.amqpPort, ca: hub.ca, servername: hub.host,
        reconnect: false, username: `${identity.deviceId}@sas.${hubName}`,
        password: sasToken({ resource: `${hub.host}/devices/${identity.deviceId}`, key: randomKey() }) });
    t.after(() => refused.socket?.destroy());
    refused.on('disconnected', () => {});
    await withDeadline(Promise.race(['connection_error', 'error', 'disconnected'].map(
        (event) => new Promise((done) => refused.once(event, done)))), 'the refusal');
    await until(() => !refused.is_open(), 'the connection to be refused');
});
