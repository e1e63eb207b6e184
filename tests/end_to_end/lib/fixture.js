// What every test starts from: the running hub, clients of both sides, identities of its own.
import iothub from 'azure-iothub';
import deviceSdk from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceMqtt from 'azure-iot-device-mqtt';
import common from 'azure-iot-common';
import { promisify } from 'node:util';
import { Hub } from './hub.js';
import { Rest } from './rest.js';
import { credentials, RawMqtt } from './raw_mqtt.js';
import { Inbox } from './wait.js';

export const { Registry } = iothub;
export const { Message, errors, NoRetry } = common;
export const { Mqtt, MqttWs } = deviceMqtt;
export const { Amqp, AmqpWs } = deviceAmqp;

// Every transport with twins; what holds for one holds for all.
export const transports = [
    ['MQTT', Mqtt], ['MQTT over WebSocket', MqttWs],
    ['AMQP', Amqp], ['AMQP over WebSocket', AmqpWs],
];

export const hub = Hub.described(process.env.TWINHUB_TEST_HUB);
export const registry = Registry.fromConnectionString(hub.connectionString);
export const rest = new Rest(hub);

let count = 0;
export const newId = (word = 'device') => `${word}-${process.pid}-${++count}`;

// Creates a device that ends with the test. Returns its identity as the SDK gives it.
export async function newDevice(t, description = {}) {
    const deviceId = description.deviceId ?? newId();
    t.after(() => registry.delete(deviceId).catch(() => {}));
    return (await registry.create({ deviceId, ...description })).responseBody;
}

export async function newModule(t, device, moduleId = newId('module')) {
    return (await registry.addModule({ deviceId: device.deviceId, moduleId })).responseBody;
}

export const keyOf = (identity) => identity.authentication.symmetricKey.primaryKey;

export function connectionString(identity, key = keyOf(identity)) {
    const module = identity.moduleId ? `;ModuleId=${identity.moduleId}` : '';
    return `HostName=${hub.host};DeviceId=${identity.deviceId}${module};SharedAccessKey=${key}`;
}

// A device or module client that is not open yet and gives up at the first failure.
export function newClient(t, text, { transport = Mqtt, token = false } = {}) {
    const kind = /;ModuleId=/.test(text) ? deviceSdk.ModuleClient : deviceSdk.Client;
    const client = token ? kind.fromSharedAccessSignature(text, transport)
        : kind.fromConnectionString(text, transport);
    client.setRetryPolicy(new NoRetry());
    client.on('error', () => {}); // failures are asserted where they are awaited
    t.after(() => client.close().catch(() => {}));
    return client;
}

export async function connect(t, identity, options = {}) {
    const client = newClient(t, connectionString(identity, options.key), options);
    await client.open();
    return client;
}

export async function twinOf(client) {
    const twin = await client.getTwin();
    twin.on('error', () => {});
    return twin;
}

// Sends a reported patch through the SDK; rejects when the hub refuses it.
export const report = (twin, patch) =>
    promisify((done) => twin.properties.reported.update(patch, done))();

// Every desired patch that arrives from now on, as sent by the hub. (The SDK also hands out the
// whole desired object, when the listener is new and after each get; that is no patch.)
export async function watchDesired(twin) {
    const inbox = new Inbox();
    twin.on('properties.desired', (patch) => {
        if (patch !== twin.properties.desired) inbox.put(JSON.parse(JSON.stringify(patch)));
    });
    await promisify((done) => twin.enableTwinDesiredPropertiesUpdates(done))();
    return inbox;
}

export const patchTwin = async (id, patch, etag = '*') =>
    (await registry.updateTwin(id, patch, etag)).responseBody;
export const patchDesired = (id, desired, etag) => patchTwin(id, { properties: { desired } }, etag);
export const getTwin = async (id) => (await registry.getTwin(id)).responseBody;

// A section without $metadata and $version.
export function values(section) {
    const { $metadata, $version, ...rest } = section;
    return rest;
}

// A device that speaks MQTT by hand.
export async function connectRaw(t, identity, connectOptions = {}, tlsOptions = {}) {
    const client = await RawMqtt.connect(
        hub, { ...credentials(hub, { ...identity, key: keyOf(identity) }), ...connectOptions },
        tlsOptions);
    t.after(() => client.destroy());
    return client;
}

export function openRaw(t, tlsOptions) {
    return RawMqtt.open(hub, tlsOptions).then((client) => {
        t.after(() => client.destroy());
        return client;
    });
}
