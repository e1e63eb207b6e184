// What the C, .NET and Java SDKs send over AMQP, frame by frame: their SASL, names, addresses, settle
// modes and types, and what the hub has to answer (specification: device-protocols 4, 7.4, 8).
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import rhea from 'rhea';
import {
    getTwin, hub, keyOf, newDevice, newId, newModule, patchDesired, registry, rest,
} from './lib/fixture.js';
import { dataOf, encoded, textOf, uuid, Wire } from './lib/amqp_wire.js';
import { listen } from './lib/device_events.js';
import { enroll, idScope, newKey, symmetric } from './lib/provisioning.js';
import { sasToken, spellings } from './lib/sas.js';
import { until } from './lib/wait.js';

const accepted = 0x24, rejected = 0x25; // outcomes
const batched = 0x80013700;
const form = (text) => encodeURIComponent(text).replaceAll('%20', '+');
const guid = () => Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
const { rejected: refused, released } = rhea.message;

const pathOf = ({ deviceId, moduleId }, id = (text) => text) =>
    `devices/${id(deviceId)}` + (moduleId ? `/modules/${id(moduleId)}` : '');

// --- how the families open a connection and prove who they are --------------------------------------

async function open(wire, { sasl, container = randomUUID(), idle = 240_000 } = {}) {
    if (sasl) {
        await wire.header(3);
        const { performative } = await wire.next('sasl_mechanisms');
        assert.ok(performative.sasl_server_mechanisms.includes(sasl.mechanism));
        wire.send('sasl_init', { hostname: hub.host, ...sasl });
        await wire.next('sasl_outcome', { code: 0 });
    }
    await wire.header(0);
    wire.send('open', { container_id: container, hostname: hub.host, max_frame_size: 65536,
                        channel_max: 65535, idle_time_out: idle });
    await wire.next('open');
    wire.send('begin', { next_outgoing_id: 0, incoming_window: 4294967, outgoing_window: 65536 });
    await wire.next('begin', { remote_channel: 0 });
}

async function putToken(wire, { name, token, id, sender, receiver, reply_to }) {
    await wire.attach({ role: true, handle: 0, snd_settle_mode: 0, rcv_settle_mode: 0, ...receiver },
                      { credit: 10 });
    await wire.attach({ role: false, handle: 1, snd_settle_mode: 0, rcv_settle_mode: 0,
                        initial_delivery_count: 0, ...sender });
    const sent = wire.transfer(1, encoded(
        { properties: { message_id: id, ...(reply_to && { to: '$cbs', reply_to }) } },
        { application_properties: { operation: 'put-token', name,
                                    type: 'servicebus.windows.net:sastoken' } },
        { body: token }));
    // Settled first, then answered: uamqp takes no answer before.
    await wire.next('disposition', { role: true, first: sent, settled: true, state: accepted });
    const { performative, message } = await wire.next('transfer', { handle: 0 });
    assert.equal(message.application_properties['status-code'], 200);
    assert.deepEqual(message.correlation_id, id instanceof Buffer || typeof id === 'string' ? id : 0);
    if (!performative.settled) wire.accept(performative.delivery_id);
}

// The C SDK: MSSBCBS, both ends of both links called $cbs, message ids that begin with the ulong 0.
async function openAsC(t, identity) {
    const wire = await Wire.open(t);
    await open(wire, { sasl: { mechanism: 'MSSBCBS' } });
    const ends = { source: '$cbs', target: '$cbs' };
    const resource = `${hub.host}/${pathOf(identity)}`;
    await putToken(wire, {
        name: resource, id: 0, sender: { name: '$cbs-sender', ...ends },
        receiver: { name: '$cbs-receiver', ...ends },
        token: sasToken({ resource, key: keyOf(identity), order: ['sr', 'sig', 'se'],
                          spelling: spellings.plain }) });
    return wire;
}

// .NET: no SASL layer, a reply-to of its own, an escaped audience.
async function openAsDotnet(t, identity) {
    const wire = await Wire.open(t);
    await open(wire, { idle: 120_000 });
    const resource = `${hub.host}/${pathOf(identity, form)}`;
    const id = randomUUID();
    await putToken(wire, {
        name: resource, id, reply_to: 'cbs-reply',
        sender: { name: 'cbs-sender', source: null, target: '$cbs' },
        receiver: { name: 'cbs-receiver', source: '$cbs', target: 'cbs-reply' },
        token: sasToken({ resource, key: keyOf(identity), order: ['sr', 'sig', 'se'], spelling: form }) });
    return wire;
}

// Java: ANONYMOUS, uuids, and for a module the name of its device.
async function openAsJava(t, identity) {
    const wire = await Wire.open(t);
    await open(wire, { sasl: { mechanism: 'ANONYMOUS' } });
    await putToken(wire, {
        name: `${hub.host}/devices/${identity.deviceId}`, id: uuid(), reply_to: 'cbs',
        sender: { name: 'cbs-sender', source: null, target: '$cbs' },
        receiver: { name: 'cbs-receiver', source: '$cbs', target: null },
        token: sasToken({ resource: `${hub.host}/${pathOf(identity)}`, key: keyOf(identity),
                          order: ['sig', 'se', 'sr'] }) });
    return wire;
}

// --- direct methods -------------------------------------------------------------------------------

const invoke = ({ deviceId, moduleId }, methodName, payload) => rest.post(
    `/twins/${deviceId}${moduleId ? `/modules/${moduleId}` : ''}/methods`,
    { methodName, payload, responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 10 });

async function doMethod(wire, identity, { settles }) {
    const answer = invoke(identity, 'reboot', { in: 5 });
    const { performative, message } = await wire.next('transfer', { handle: 2 });
    assert.equal(message.application_properties['IoThub-methodname'], 'reboot');
    assert.ok(Buffer.isBuffer(message.correlation_id) && message.correlation_id.length === 16);
    assert.equal(textOf(message), '{"in":5}');
    if (!performative.settled) wire.accept(performative.delivery_id);
    const sent = wire.transfer(3, encoded(
        { properties: { correlation_id: message.correlation_id } },
        { application_properties: { 'IoThub-status': 207 } },
        { body: dataOf('{"done":true}') }), { settled: settles });
    if (!settles) await wire.next('disposition', { first: sent, settled: true, state: accepted });
    assert.deepEqual((await answer).json, { status: 207, payload: { done: true } });
}

for (const [what, make] of [['device', (t) => newDevice(t, { deviceId: newId('talk@1') })],
                            ['module', async (t) => newModule(t, await newDevice(t))]]) {
    test(`a ${what} of the C SDK does methods over AMQP`, async (t) => {
        const identity = await make(t);
        const wire = await openAsC(t, identity);
        const name = pathOf(identity).replace('devices/', '').replace('/modules', '');
        const address = `amqps://${hub.host}/${pathOf(identity)}/methods/devicebound`;
        const properties = { 'com.microsoft:channel-correlation-id': name,
                             'com.microsoft:api-version': '2020-09-30' };
        // It opens the sender first, and says no settle mode.
        await wire.attach({ name: `methods_responses_link-${name}`, handle: 3, role: false,
                            source: 'responses', target: address, initial_delivery_count: 0, properties });
        await wire.attach({ name: `methods_requests_link-${name}`, handle: 2, role: true,
                            source: address, target: 'requests', properties }, { credit: 100 });
        await doMethod(wire, identity, { settles: false });
        await wire.close();
    });

    test(`a ${what} of .NET does methods over AMQP`, async (t) => {
        const identity = await make(t);
        const wire = await openAsDotnet(t, identity);
        const address = `amqps://${hub.host}:5671/${pathOf(identity, form)}/methods/deviceBound`;
        const common = { snd_settle_mode: 1, rcv_settle_mode: 0, properties: {
            'com.microsoft:client-version': '.NET/1.42.0', 'com.microsoft:api-version': '2020-09-30',
            'com.microsoft:channel-correlation-id': `methods:${randomUUID()}` } };
        const receiver = await wire.attach(
            { name: 'MethodsReceiverLink', handle: 2, role: true, source: address,
              target: identity.deviceId, ...common }, { credit: 50 });
        assert.equal(receiver.snd_settle_mode, 1);
        await wire.attach({ name: 'MethodsSenderLink', handle: 3, role: false, target: address,
                            source: identity.deviceId, initial_delivery_count: 0, ...common });
        await doMethod(wire, identity, { settles: true });
        await wire.close();
    });

    test(`a ${what} of Java does methods and reports over AMQP`, async (t) => {
        const identity = await make(t);
        const wire = await openAsJava(t, identity);
        const link = (kind, way) =>
            `${way}_link_device${kind}-${identity.deviceId}-${randomUUID()}`;
        const pair = async (kind, path, handles, prefix) => {
            const address = `/${pathOf(identity)}/${path}`;
            const properties = { 'com.microsoft:api-version': '2020-09-30',
                                 'com.microsoft:client-version': 'com.microsoft.azure.sdk',
                                 'com.microsoft:channel-correlation-id': `${prefix}:${randomUUID()}` };
            await wire.attach({ name: link(kind, 'sender'), handle: handles[1], role: false,
                                snd_settle_mode: 0, target: address, initial_delivery_count: 0,
                                properties });
            await wire.attach({ name: link(kind, 'receiver'), handle: handles[0], role: true,
                                source: address, properties }, { credit: 1000 });
        };
        await pair('methods', 'methods/devicebound', [2, 3], 'methods');
        await doMethod(wire, identity, { settles: false });

        await pair('twin', 'twin', [4, 5], 'twin');
        const correlation_id = uuid();
        const ask = async (annotations, body) => {
            const sent = wire.transfer(5, encoded(
                { message_annotations: annotations }, { properties: { correlation_id } },
                ...(body === undefined ? [] : [{ body: dataOf(body) }])));
            await wire.next('disposition', { first: sent, settled: true, state: accepted });
            const { performative, message } = await wire.next('transfer', { handle: 4 });
            if (!performative.settled) wire.accept(performative.delivery_id);
            assert.deepEqual(message.correlation_id, correlation_id);
            return message;
        };
        // The subscription has no body at all, a request for the twin an empty one.
        const subscribed = await ask({ operation: 'PUT',
                                       resource: '/notifications/twin/properties/desired' });
        assert.equal(subscribed.message_annotations.status, 200);
        assert.deepEqual(JSON.parse(textOf(await ask({ operation: 'GET' }, ''))),
                         { desired: { $version: 1 }, reported: { $version: 1 } });
        const reported = '/properties/reported';
        const first = await ask({ operation: 'PATCH', resource: reported, version: 1 }, '{"a":1}');
        assert.equal(first.message_annotations.status, 204);
        assert.equal(Number(first.message_annotations.version), 2);
        const late = await ask({ operation: 'PATCH', resource: reported, version: 1 }, '{"a":2}');
        assert.equal(late.message_annotations.status, 412);
        if (!identity.moduleId) {
            await patchDesired(identity.deviceId, { n: 1 });
            const { message } = await wire.next('transfer', { handle: 4 });
            assert.equal(message.message_annotations.resource, '/properties/desired');
            assert.deepEqual(JSON.parse(textOf(message)), { n: 1, $version: 2 });
        }
        await wire.close();
    });
}

// --- messages to the hub ----------------------------------------------------------------------------

test('the C SDK sends its messages in batches over AMQP', async (t) => {
    const device = await newDevice(t);
    const events = await listen(t, device);
    const wire = await openAsC(t, device);
    const name = `link-snd-${device.deviceId}-${randomUUID()}`;
    const attached = await wire.attach({
        name, handle: 2, role: false, source: `${name}-source`,
        target: `amqps://${hub.host}/${pathOf(device)}/messages/events`, initial_delivery_count: 0,
        properties: { 'com.microsoft:client-version': 'iothubclient/1.15.0 (native; Linux; x86_64)' } });
    // A batch is as large as the hub says.
    assert.ok(Number(attached.max_message_size) >= 262_144);
    // Sections in the order of this SDK: the annotations stand behind the properties.
    const full = encoded(
        { properties: { message_id: 'm1', correlation_id: 'c1', content_type: 'application/json',
                        content_encoding: 'utf-8' } },
        { application_properties: { zone: 'a b', 'iothub-creation-time-utc': '2026-11-23T10:00:00Z' } },
        { message_annotations: {
            'Diagnostic-Id': 'abc', 'Correlation-Context': 'creationtimeutc=1',
            'iothub-interface-id': 'urn:azureiot:Security:SecurityAgent:1' } },
        { body: dataOf('{"t":1}') });
    const bare = encoded({ body: dataOf('plain') });
    const sent = wire.transfer(2, encoded({ body: dataOf(full) }, { body: dataOf(bare) }),
                               { format: batched });
    await wire.next('disposition', { role: true, first: sent, settled: true, state: accepted });
    const first = await events.take();
    assert.deepEqual(first.body, { t: 1 });
    assert.deepEqual(first.properties, { zone: 'a b' });
    assert.equal(first.systemProperties.messageId, 'm1');
    assert.equal(first.systemProperties.interfaceId, 'urn:azureiot:Security:SecurityAgent:1');
    assert.equal(Buffer.from((await events.take()).bodyBase64, 'base64').toString(), 'plain');
    // As many as come together while it was away.
    const count = 5000;
    wire.transfer(2, encoded(...Array.from({ length: count }, () => ({ body: dataOf(bare) }))),
                  { format: batched });
    await wire.next('disposition', { state: accepted });
    // One that cannot be read is refused whole.
    wire.transfer(2, encoded({ body: dataOf(bare) }, { body: dataOf('no message') }),
                  { format: batched });
    await wire.next('disposition', { settled: true, state: rejected });
    await wire.close();
});

test('.NET sends one message, and many as one, over AMQP', async (t) => {
    const device = await newDevice(t, { deviceId: newId('talk@2') });
    const events = await listen(t, device);
    const wire = await openAsDotnet(t, device);
    await wire.attach({
        name: 'TelemetrySenderLink', handle: 2, role: false, source: device.deviceId,
        target: `amqps://${hub.host}:5671/${pathOf(device, form)}/messages/events`,
        initial_delivery_count: 0, properties: { 'com.microsoft:client-version': '.NET/1.42.0',
                                                 'com.microsoft:model-id': 'dtmi:com:example:Fan;1',
                                                 'com.microsoft:api-version': '2020-09-30' } });
    const one = encoded({ properties: { message_id: randomUUID() } },
                        { application_properties: { n: '1' } }, { body: dataOf('one') });
    const sent = wire.transfer(2, one, { tag: guid() });
    await wire.next('disposition', { first: sent, settled: true, state: accepted });
    wire.transfer(2, encoded({ body: dataOf(one) }, { body: dataOf(one) }),
                  { tag: guid(), format: batched });
    await wire.next('disposition', { settled: true, state: accepted });
    for (const event of await events.takeMany(3)) assert.deepEqual(event.properties, { n: '1' });
    await until(async () => (await getTwin(device.deviceId)).modelId === 'dtmi:com:example:Fan;1',
                'the model to be known');
    await wire.close();
});

// --- messages from the hub --------------------------------------------------------------------------

const waiting = (deviceId, count) => until(async () => (await registry.get(deviceId)).responseBody
    .cloudToDeviceMessageCount === count, `${count} messages to wait`);
const sendTo = async ({ deviceId }, message) => assert.equal(
    (await rest.post(`/devices/${deviceId}/messages/deviceBound`, message)).status, 200);

test('a device of the C SDK takes messages over AMQP', async (t) => {
    const device = await newDevice(t);
    const wire = await openAsC(t, device);
    const name = `link-rcv-${device.deviceId}-${randomUUID()}`;
    await wire.attach({
        name, handle: 2, role: true, rcv_settle_mode: 0, target: `${name}-target`,
        source: `amqps://${hub.host}/${pathOf(device)}/messages/devicebound`,
        max_message_size: 65536 }, { credit: 10_000 });
    await sendTo(device, { payload: 'hello', messageId: 'm1', correlationId: 'c1',
                           properties: { zone: 'a b' } });
    const { performative, message } = await wire.next('transfer', { handle: 2 });
    assert.ok(!performative.settled);
    assert.equal(performative.delivery_tag.length, 16);
    assert.equal(textOf(message), 'hello');
    assert.deepEqual([message.message_id, message.correlation_id], ['m1', 'c1']);
    assert.equal(message.application_properties.zone, 'a b');
    wire.accept(performative.delivery_id);
    await waiting(device.deviceId, 0);
    // Released, it comes again; rejected, it does not.
    await sendTo(device, { payload: 'again' });
    const again = await wire.next('transfer', { handle: 2 });
    wire.send('disposition', { role: true, first: again.performative.delivery_id, settled: true,
                               state: released().described() });
    const third = await wire.next('transfer', { handle: 2 });
    assert.equal(textOf(third.message), 'again');
    wire.send('disposition', { role: true, first: third.performative.delivery_id, settled: true,
                               state: refused().described() });
    await waiting(device.deviceId, 0);
    await wire.close();
});

test('a device of .NET takes messages over AMQP and hears that they are settled', async (t) => {
    const device = await newDevice(t, { deviceId: newId('talk@3') });
    const wire = await openAsDotnet(t, device);
    const attached = await wire.attach({
        name: 'TelemetryReceiverLink', handle: 2, role: true, rcv_settle_mode: 1,
        target: device.deviceId,
        source: `amqps://${hub.host}:5671/${pathOf(device, form)}/messages/deviceBound`,
        properties: { 'com.microsoft:client-version': '.NET/1.42.0',
                      'com.microsoft:api-version': '2020-09-30' } }, { credit: 50 });
    assert.equal(attached.rcv_settle_mode, 1);
    await sendTo(device, { payload: 'hello' });
    const { performative, message } = await wire.next('transfer', { handle: 2 });
    assert.equal(performative.delivery_tag.length, 16); // its lock token is a GUID
    assert.equal(textOf(message), 'hello');
    wire.accept(performative.delivery_id, { settled: false, batchable: true });
    await wire.next('disposition', { role: false, first: performative.delivery_id, settled: true,
                                     state: accepted });
    await waiting(device.deviceId, 0);
    await wire.close();
});

test('modules listen where nothing can come, over AMQP', async (t) => {
    const module = await newModule(t, await newDevice(t));
    for (const [openAs, source] of [
        [openAsC, `amqps://${hub.host}/${pathOf(module)}/messages/devicebound`],
        [openAsDotnet, `amqps://${hub.host}:5671/${pathOf(module, form)}/messages/deviceBound`],
        [openAsDotnet, `amqps://${hub.host}:5671/${pathOf(module, form)}/messages/events`],
        [openAsJava, `/${pathOf(module)}/messages/devicebound`],
    ]) {
        const wire = await openAs(t, module);
        wire.send('attach', { name: 'listens', handle: 2, role: true, source, target: 'here' });
        await wire.next('attach', { name: 'listens', source });
        await wire.close();
    }
});

// --- provisioning -----------------------------------------------------------------------------------

async function enrolled(t) {
    const key = newKey();
    const { registrationId } = await enroll(t, { attestation: symmetric(key) });
    const user = `${idScope}/registrations/${registrationId}`;
    const password = sasToken({ resource: user, key, policy: 'registration',
                                order: ['sr', 'sig', 'se', 'skn'] });
    return { registrationId, user, sasl: {
        mechanism: 'PLAIN', initial_response: Buffer.from(`\0${user}\0${password}`) } };
}

// A request and its answer; `more`: of the message's properties.
async function ask(wire, properties, body, more = {}) {
    const sent = wire.transfer(1, encoded({ properties: more }, { application_properties: properties },
                                          { body }), { tag: guid() });
    await wire.next('disposition', { first: sent, settled: true, state: accepted });
    const { performative, message } = await wire.next('transfer', { handle: 0 });
    if (!performative.settled) wire.accept(performative.delivery_id);
    return { json: JSON.parse(textOf(message)), message };
}

async function register(wire, registrationId, requests) {
    const asked = await ask(wire, ...requests.register());
    assert.equal(asked.json.status, 'assigning');
    for (const name of ['retry-after', 'Retry-After'])
        assert.equal(typeof asked.message.application_properties[name], 'number');
    await until(() => registry.get(registrationId).then(() => true, () => false), 'the device');
    const done = await ask(wire, ...requests.poll(asked.json.operationId));
    assert.equal(done.json.status, 'assigned');
    assert.equal(done.json.registrationState.deviceId, registrationId);
    assert.equal(done.json.registrationState.assignedHub, hub.host);
    return done.message;
}

test('the C SDK asks where it belongs over AMQP', async (t) => {
    const { registrationId, user, sasl } = await enrolled(t);
    const wire = await Wire.open(t);
    await open(wire, { sasl });
    const address = `amqps://${hub.host}/${user}`;
    const properties = { 'com.microsoft:api-version': '2019-03-31' };
    await wire.attach({ name: 'recv_link', handle: 0, role: true, rcv_settle_mode: 0, source: address,
                        target: 'local_endpoint', max_message_size: 65536, properties },
                      { credit: 10_000 });
    await wire.attach({ name: 'sender_link', handle: 1, role: false, source: 'remote_endpoint',
                        target: address, initial_delivery_count: 0, properties });
    // No correlation id; the same body for both requests, the operation only in the second.
    const body = () => dataOf(JSON.stringify({ registrationId }));
    await register(wire, registrationId, {
        register: () => [{ 'iotdps-operation-type': 'iotdps-register' }, body()],
        poll: (id) => [{ 'iotdps-operation-type': 'iotdps-get-operationstatus',
                         'iotdps-operation-id': id }, body()] });
    await wire.close();
});

test('.NET asks where it belongs over AMQP, with one correlation id', async (t) => {
    const { registrationId, user, sasl } = await enrolled(t);
    const wire = await Wire.open(t);
    await open(wire, { sasl });
    const properties = { 'com.microsoft:api-version': '2019-03-31',
                         'com.microsoft:client-version': '.NET/1.19.2' };
    const name = () => randomUUID().replaceAll('-', '');
    await wire.attach({ name: name(), handle: 0, role: true, snd_settle_mode: 0, rcv_settle_mode: 0,
                        source: user, target: null, properties }, { credit: 100 });
    await wire.attach({ name: name(), handle: 1, role: false, snd_settle_mode: 0, rcv_settle_mode: 0,
                        source: null, target: user, initial_delivery_count: 0, properties });
    const correlation_id = randomUUID();
    const last = await register(wire, registrationId, {
        register: () => [{ 'iotdps-operation-type': 'iotdps-register',
                           'iotdps-forceRegistration': false }, dataOf(''), { correlation_id }],
        poll: (id) => [{ 'iotdps-operation-type': 'iotdps-get-operationstatus',
                         'iotdps-operation-id': id }, 'iotdps-get-operationstatus',
                       { correlation_id }] });
    assert.equal(last.correlation_id, correlation_id);
    // A refusal is the outcome, with the error's JSON as its description.
    wire.transfer(1, encoded({ properties: { correlation_id } }, { application_properties: {
        'iotdps-operation-type': 'iotdps-get-operationstatus', 'iotdps-operation-id': 'nothing' } },
                             { body: 'iotdps-get-operationstatus' }), { tag: guid() });
    const { performative } = await wire.next('disposition', { settled: true, state: rejected });
    const [error] = performative.state.value;
    assert.equal(JSON.parse(error.value[1].value ?? error.value[1]).errorCode, 404000);
    await wire.close();
});
