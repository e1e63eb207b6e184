// How devices prove who they are (specification: device-protocols 1.2, 1.3, 6, checklist N23).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    connect, connectionString, connectRaw, getTwin, hub, keyOf, Mqtt, newClient, newDevice, newId,
    newModule, openRaw, registry, transports, twinOf,
} from './lib/fixture.js';
import { credentials, packets } from './lib/raw_mqtt.js';
import { parseConnectionString, randomKey, sasToken, secondsFromNow, spellings } from './lib/sas.js';
import { until } from './lib/wait.js';
import { authority, selfSigned, signedBy } from './lib/x509.js';

const notAuthorized = { message: /Not authorized|Unauthorized/ };

async function assertWorks(client) {
    await client.open();
    assert.equal((await twinOf(client)).properties.desired.$version, 1);
}

for (const [name, transport] of transports) {
    test(`a device with a symmetric key connects over ${name}`, async (t) => {
        const device = await newDevice(t);
        await assertWorks(newClient(t, connectionString(device), { transport }));
    });

    test(`a device with a self-signed certificate connects over ${name}`, async (t) => {
        const deviceId = newId();
        const own = selfSigned(hub.folder, 'any name');
        await newDevice(t, { deviceId, authentication: {
            x509Thumbprint: { primaryThumbprint: own.sha256 } } });
        await assertWorks(await certified(t, deviceId, own, transport));
    });

    test(`a device with a certificate of a trusted authority connects over ${name}`, async (t) => {
        const deviceId = newId();
        await newDevice(t, { deviceId, authentication: { type: 'certificateAuthority' } });
        const trusted = authority(hub.folder, 'device-authority');
        await assertWorks(await certified(
            t, deviceId, signedBy(trusted, hub.folder, deviceId), transport));
    });

    test(`a wrong key is refused over ${name}`, async (t) => {
        const device = await newDevice(t);
        await assert.rejects(connect(t, device, { transport, key: randomKey() }), notAuthorized);
    });

    test(`an unknown device is refused over ${name}`, async (t) => {
        const unknown = { deviceId: newId('nobody') };
        await assert.rejects(connect(t, unknown, { transport, key: randomKey() }), notAuthorized);
    });
}

async function certified(t, deviceId, { certificate, key }, transport = Mqtt) {
    const client = newClient(t, `HostName=${hub.host};DeviceId=${deviceId};x509=true`, { transport });
    await client.setOptions({ cert: certificate, key });
    return client;
}

test('the secondary key is as good as the primary', async (t) => {
    const device = await newDevice(t);
    const key = device.authentication.symmetricKey.secondaryKey;
    await assertWorks(newClient(t, connectionString(device, key)));
});

test('either thumbprint may match, as SHA-1 and in any case', async (t) => {
    const [first, second] = [selfSigned(hub.folder, 'one'), selfSigned(hub.folder, 'two')];
    const deviceId = newId();
    await newDevice(t, { deviceId, authentication: { x509Thumbprint: {
        primaryThumbprint: first.sha1.toLowerCase(), secondaryThumbprint: second.sha256 } } });
    await assertWorks(await certified(t, deviceId, first));
    await assertWorks(await certified(t, deviceId, second));
});

test('a self-signed certificate with another thumbprint is refused', async (t) => {
    const deviceId = newId();
    await newDevice(t, { deviceId, authentication: {
        x509Thumbprint: { primaryThumbprint: 'A'.repeat(64) } } });
    const client = await certified(t, deviceId, selfSigned(hub.folder, deviceId));
    await assert.rejects(client.open(), notAuthorized);
});

test('an expired certificate is refused by CONNACK, not by TLS', async (t) => {
    const old = selfSigned(hub.folder, 'old', -1);
    const deviceId = newId();
    await newDevice(t, { deviceId, authentication: {
        x509Thumbprint: { primaryThumbprint: old.sha256 } } });
    await assert.rejects((await certified(t, deviceId, old)).open(), notAuthorized);
});

test('a certificate of an authority nobody trusts is refused', async (t) => {
    const deviceId = newId();
    await newDevice(t, { deviceId, authentication: { type: 'certificateAuthority' } });
    const stranger = authority(hub.folder, 'stranger-authority');
    const client = await certified(t, deviceId, signedBy(stranger, hub.folder, deviceId));
    await assert.rejects(client.open(), notAuthorized);
});

test("a trusted authority's certificate for another name is refused", async (t) => {
    const deviceId = newId();
    await newDevice(t, { deviceId, authentication: { type: 'certificateAuthority' } });
    const trusted = authority(hub.folder, 'device-authority');
    const client = await certified(t, deviceId, signedBy(trusted, hub.folder, `${deviceId}x`));
    await assert.rejects(client.open(), notAuthorized);
});

test('a device that needs a certificate is refused without one, whatever its password', async (t) => {
    const device = await newDevice(t, { authentication: { type: 'certificateAuthority' } });
    const policy = parseConnectionString(hub.connectionStringOf('device'));
    for (const password of [undefined, '', sasToken({
        resource: hub.host, key: policy.SharedAccessKey, policy: 'device' })]) {
        const client = await openRaw(t);
        client.send(packets.connect({ ...credentials(hub, device), password }));
        assert.equal(await client.connack(), 5);
        await client.waitClosed();
    }
});

test('a device with a key ignores a certificate that is offered too', async (t) => {
    const device = await newDevice(t);
    const { certificate: cert, key } = selfSigned(hub.folder, 'extra');
    await connectRaw(t, device, {}, { cert, key });
});

test('a disabled device is refused, and accepted once it is enabled', async (t) => {
    const device = await newDevice(t, { status: 'disabled' });
    await assert.rejects(connect(t, device), notAuthorized);
    await registry.update({ ...device, status: 'enabled' });
    await connect(t, device);
});

const signed = (device, changes = {}) => sasToken({
    resource: `${hub.host}/devices/${device.deviceId}`, key: keyOf(device), ...changes });

test('a token made by hand is accepted', async (t) => {
    const device = await newDevice(t);
    await assertWorks(newClient(t, signed(device), { token: true }));
});

test('an expired token is refused', async (t) => {
    const device = await newDevice(t);
    const token = signed(device, { expiry: secondsFromNow(-400) });
    await assert.rejects(newClient(t, token, { token: true }).open(), notAuthorized);
});

test('a policy with DeviceConnect speaks for every device, other policies for none', async (t) => {
    const device = await newDevice(t);
    for (const [policy, expected] of [
        ['device', 0], ['iothubowner', 0], ['service', 5], ['registryReadWrite', 5]]) {
        const key = parseConnectionString(hub.connectionStringOf(policy)).SharedAccessKey;
        for (const resource of [hub.host, `${hub.host}/devices`,
                                `${hub.host}/devices/${device.deviceId}`]) {
            const client = await openRaw(t);
            client.send(packets.connect(credentials(hub, {
                deviceId: device.deviceId, key, policy, resource })));
            assert.equal(await client.connack(), expected, `${policy} for ${resource}`);
            client.destroy();
        }
    }
});

test('a policy token does not create a device', async (t) => {
    const key = parseConnectionString(hub.connectionStringOf('device')).SharedAccessKey;
    const client = await openRaw(t);
    client.send(packets.connect(credentials(hub, {
        deviceId: newId('nobody'), key, policy: 'device', resource: hub.host })));
    assert.equal(await client.connack(), 5);
});

const accepted = {
    'fields in the order of Java': { order: ['sig', 'se', 'sr'] },
    'the resource unescaped, as the C SDK signs it': { spelling: spellings.plain },
    'the resource in lower-case hex': { spelling: spellings.lowerHex },
    'the resource escaped twice, as .NET signs it': {
        spelling: (text) => encodeURIComponent(text.replace(/[^/]+$/, encodeURIComponent)) },
    'the host in upper case': { host: hub.host.toUpperCase() },
    'an expiry of 20 digits': { expiry: '18446744073709551615' },
    'an expiry one minute ago': { expiry: secondsFromNow(-60) },
};
for (const [what, { host = hub.host, ...changes }] of Object.entries(accepted)) {
    test(`a device token with ${what} is accepted`, async (t) => {
        const device = await newDevice(t, { deviceId: `${newId('at')}@1` });
        const resource = `${host}/devices/${device.deviceId}`;
        await connectRaw(t, device, { password: signed(device, { resource, ...changes }) });
    });
}

test('a token for another device, a longer id or a module is refused', async (t) => {
    const device = await newDevice(t);
    const path = `${hub.host}/devices/${device.deviceId}`;
    for (const resource of [`${path}0`, path.slice(0, -1), `${path}/modules/m`,
                            `other.example.com/devices/${device.deviceId}`]) {
        const client = await openRaw(t);
        client.send(packets.connect({ ...credentials(hub, device),
                                      password: signed(device, { resource }) }));
        assert.equal(await client.connack(), 5, resource);
        await client.waitClosed();
    }
});

test('a device token does not connect a module', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    const client = await openRaw(t);
    client.send(packets.connect({ ...credentials(hub, module), password: signed(device) }));
    assert.equal(await client.connack(), 5);
});

test('every form of the user name that a client sends is accepted', async (t) => {
    const device = await newDevice(t);
    const base = `${hub.host}/${device.deviceId}`;
    for (const user of [
        base, `${base}/`, `${base}/?api-version=2021-04-12`, `${base}/?api-version=2016-11-14`,
        `${base}?api-version=2020-09-30`, `${base}/api-version=2016-11-14`,
        `${base}/?api-version=2099-01-01-preview&unknown=x`,
        `${base}/?DeviceClientType=py%2F2.14%28x%29&API-version=2019-10-01`,
        `${hub.host.toUpperCase()}/${device.deviceId}/?api-version=2021-04-12`,
    ]) {
        const client = await connectRaw(t, device, { user });
        client.destroy();
    }
});

test('a user name that does not fit is refused', async (t) => {
    const device = await newDevice(t);
    const id = device.deviceId;
    for (const user of [
        undefined, '', id, `${hub.host}/`, `${hub.host}/${id}0/?api-version=2021-04-12`,
        `${hub.host}/${id}/modules/m`, `other.example.com/${id}/?api-version=2021-04-12`,
        `${hub.host}/${id.toUpperCase()}/?api-version=2021-04-12`,
    ]) {
        const client = await openRaw(t);
        const password = user === undefined ? undefined : signed(device);
        client.send(packets.connect({ clientId: id, user, password }));
        assert.equal(await client.connack(), 5, String(user));
        await client.waitClosed();
    }
});

test('an announced model is part of the twin', async (t) => {
    const device = await newDevice(t);
    const { user } = credentials(hub, device);
    await connectRaw(t, device, { user: `${user}&model-id=dtmi:com:example:Thermostat;1` });
    await until(async () => (await getTwin(device.deviceId)).modelId === 'dtmi:com:example:Thermostat;1',
                'the model in the twin');
});

test('another protocol level is answered with return code 1', async (t) => {
    const device = await newDevice(t);
    for (const level of [3, 5, 6]) {
        const client = await openRaw(t);
        client.send(packets.connect({ ...credentials(hub, { ...device, key: keyOf(device) }), level }));
        assert.equal(await client.connack(), 1, `level ${level}`);
        await client.waitClosed();
    }
});
