// Devices with certificates while authorities come, go and take back (specification: device-protocols
// 6.4, 6.5; docs/operations.md).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    errors, getTwin, hub, Message, Mqtt, newClient, newDevice, newId, openRaw, patchDesired, registry, rest,
    transports, twinOf, values, watchDesired,
} from './lib/fixture.js';
import { credentials, packets } from './lib/raw_mqtt.js';
import { nextEvent, until } from './lib/wait.js';
import { authority, authorityBelow, revocationList, selfSigned, signedBy } from './lib/x509.js';

// Over MQTT who connects is refused; over AMQP who attaches a link.
async function rejected(t, deviceId, leaf, options) {
    const client = await certified(t, deviceId, leaf, options);
    await assert.rejects(async () => {
        await client.open();
        await client.sendEvent(new Message('let me in'));
    }, (error) => /Not authorized/.test(error.message) || error instanceof errors.UnauthorizedError);
}

const any = { 'If-Match': '*' };
const at = (name, rest_of_path = '') => `/twinhub/certificates/${name}${rest_of_path}`;

// An authority of its own, made with openssl; not registered.
const newAuthority = () => authority(hub.folder, newId('authority'));

async function register(t, ca, { verified = true } = {}) {
    const name = newId('ca');
    t.after(() => rest.delete(at(name), any));
    const answer = await rest.put(at(name), {
        properties: { certificate: ca.certificate, ...(verified ? { isVerified: true } : {}) } });
    assert.equal(answer.status, 201, answer.text);
    return name;
}

const newCertifiedDevice = (t, deviceId = newId()) =>
    newDevice(t, { deviceId, authentication: { type: 'certificateAuthority' } });

async function certified(t, deviceId, leaf, { transport = Mqtt, above = [] } = {}) {
    const client = newClient(t, `HostName=${hub.host};DeviceId=${deviceId};x509=true`, { transport });
    const cert = [leaf, ...above].map((one) => one.certificate).join('');
    await client.setOptions({ cert, key: leaf.key });
    return client;
}

async function opened(...args) {
    const client = await certified(...args);
    await client.open();
    return client;
}

for (const [name, transport] of transports) {
    test(`an authority is proved while the hub runs, then its devices come over ${name}`, async (t) => {
        const ca = newAuthority();
        const { deviceId } = await newCertifiedDevice(t);
        const leaf = signedBy(ca, hub.folder, deviceId);
        const registered = await register(t, ca, { verified: false });
        await rejected(t, deviceId, leaf, { transport });

        const coded = await rest.post(at(registered, '/generateVerificationCode'), undefined, any);
        assert.equal(coded.status, 200, coded.text);
        const code = coded.json.properties.verificationCode;
        const wrong = await rest.post(at(registered, '/verify'), {
            certificate: signedBy(newAuthority(), hub.folder, code).certificate }, any);
        assert.equal(wrong.status, 400);
        assert.equal(wrong.errorName, 'ArgumentInvalid');
        const proof = { certificate: signedBy(ca, hub.folder, code).certificate };
        const stale = await rest.post(at(registered, '/verify'), proof, { 'If-Match': '"bm8="' });
        assert.equal(stale.status, 412);
        const proved = await rest.post(at(registered, '/verify'), proof,
                                       { 'If-Match': `"${coded.json.etag}"` });
        assert.equal(proved.status, 200, proved.text);
        assert.equal(proved.json.properties.isVerified, true);
        assert.equal(proved.json.properties.thumbprint, ca.sha1);
        assert.equal((await rest.post(at(registered, '/verify'), proof, any)).status, 400, 'once');

        const client = await opened(t, deviceId, leaf, { transport });
        assert.equal((await twinOf(client)).properties.desired.$version, 1);
    });

    test(`intermediates are presented or known to the hub, over ${name}`, async (t) => {
        const root = newAuthority();
        const middle = authorityBelow(root, hub.folder, 'middle');
        const line = authorityBelow(middle, hub.folder, 'line');
        const { deviceId } = await newCertifiedDevice(t);
        const leaf = signedBy(line, hub.folder, deviceId);
        await register(t, root);
        await rejected(t, deviceId, leaf, { transport });
        await opened(t, deviceId, leaf, { transport, above: [line, middle] });
        await register(t, middle, { verified: false }); // known is enough: the root vouches for it
        await opened(t, deviceId, leaf, { transport, above: [line] });
        await register(t, line, { verified: false });
        await opened(t, deviceId, leaf, { transport });
    });

    test(`a revoked device is cut off and stays out, the others stay, over ${name}`, async (t) => {
        const ca = newAuthority();
        const registered = await register(t, ca);
        const [good, bad] = [await newCertifiedDevice(t), await newCertifiedDevice(t)];
        const leaves = [good, bad].map(({ deviceId }) => signedBy(ca, hub.folder, deviceId));
        const stays = await opened(t, good.deviceId, leaves[0], { transport });
        const goes = await opened(t, bad.deviceId, leaves[1], { transport });
        // Over AMQP a client that says nothing is known by its certificate, after a while.
        await until(async () => (await getTwin(bad.deviceId)).connectionState === 'Connected',
                    'the device to be connected');
        const ended = nextEvent(goes, 'disconnect');
        const answer = await rest.put(at(registered, '/revocationList'), {
            revocationList: revocationList(ca, hub.folder, [leaves[1]]) }, any);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(answer.json.twinhub.revocationList.revoked, 1);
        await ended;
        await rejected(t, bad.deviceId, leaves[1], { transport });
        await twinOf(stays);
        await rest.delete(at(registered, '/revocationList'), any);
        await opened(t, bad.deviceId, leaves[1], { transport });
    });

    test(`thumbprints are rotated without losing the connection, over ${name}`, async (t) => {
        const [old, next] = [selfSigned(hub.folder, 'old'), selfSigned(hub.folder, 'next')];
        const device = await newDevice(t, { authentication: {
            x509Thumbprint: { primaryThumbprint: old.sha256 } } });
        const rotate = (primaryThumbprint, secondaryThumbprint) => registry.update({
            ...device, authentication: {
                type: 'selfSigned', x509Thumbprint: { primaryThumbprint, secondaryThumbprint } } });
        const client = await opened(t, device.deviceId, old, { transport });
        const ended = nextEvent(client, 'disconnect');
        const twin = await twinOf(client);
        const desired = await watchDesired(twin);
        await rotate(old.sha256, next.sha256);
        await rotate(next.sha256, old.sha1);
        await patchDesired(device.deviceId, { after: 'two rotations' });
        assert.equal((await desired.take()).after, 'two rotations');
        await rotate(next.sha256, null);
        await ended;
        await rejected(t, device.deviceId, old, { transport });
        const again = await twinOf(await opened(t, device.deviceId, next, { transport }));
        assert.equal(values(again.properties.desired).after, 'two rotations');
    });
}

for (const [name, transport] of transports)
    test(`removing an authority ends the connections that rested on it, over ${name}`, async (t) => {
        const ca = newAuthority();
        const registered = await register(t, ca);
        const { deviceId } = await newCertifiedDevice(t);
        const client = await opened(t, deviceId, signedBy(ca, hub.folder, deviceId), { transport });
        await twinOf(client);
        const ended = nextEvent(client, 'disconnect');
        assert.equal((await rest.delete(at(registered))).status, 412, 'only with If-Match');
        assert.equal((await rest.delete(at(registered), any)).status, 204);
        await ended;
        assert.equal((await rest.get(at(registered))).status, 404);
    });

test('a connected device shows when its certificate ends', async (t) => {
    const own = selfSigned(hub.folder, 'own', 5);
    const device = await newDevice(t, { authentication: {
        x509Thumbprint: { primaryThumbprint: own.sha1 } } });
    assert.equal(device.twinhub, undefined);
    await opened(t, device.deviceId, own);
    const { json } = await rest.get(`/devices/${device.deviceId}`);
    assert.equal(json.twinhub.certificate.thumbprint, own.sha256);
    const days = (Date.parse(json.twinhub.certificate.notAfter) - Date.now()) / 86_400_000;
    assert.ok(days > 4 && days < 6, json.twinhub.certificate.notAfter);
    // Microsoft's SDK reads it, and sends it back.
    const { responseBody } = await registry.get(device.deviceId);
    await registry.update({ ...responseBody, statusReason: 'seen' });
});

test('the key that a connection did not use may change', async (t) => {
    const device = await newDevice(t);
    const { primaryKey } = device.authentication.symmetricKey;
    const client = await openRaw(t);
    client.send(packets.connect(credentials(hub, { ...device, key: primaryKey })));
    assert.equal(await client.connack(), 0);
    const renew = async (policyKey) => assert.equal((await rest.post(
        '/devices/keys/regenerate?api-version=2024-03-31',
        { policyKey, devices: [{ id: device.deviceId }] })).status, 200);
    await renew('secondaryKey');
    await client.ping();
    await renew('primaryKey');
    await client.waitClosed();
});

test('a chain of absurd length is refused, in the handshake or behind it', async (t) => {
    const ca = newAuthority();
    await register(t, ca);
    const { deviceId } = await newCertifiedDevice(t);
    const leaf = signedBy(ca, hub.folder, deviceId);
    const with_chain = (count) => ({ key: leaf.key,
                                     cert: leaf.certificate + ca.certificate.repeat(count) });
    const connack = async (count) => {
        const client = await openRaw(t, with_chain(count));
        client.send(packets.connect(credentials(hub, { deviceId })));
        return client.connack();
    };
    assert.equal(await connack(1), 0);
    assert.equal(await connack(30), 5);
    // More than 32 KiB of certificates: the handshake itself ends. In TLS 1.3 the client learns of
    // it behind its own part.
    assert.ok(['closed', 'refused'].includes(await connack(300).catch(() => 'refused')));
    assert.equal((await getTwin(deviceId)).deviceId, deviceId, 'the hub serves on');
});

test('what is no CA, no certificate or no list is refused with a reason', async (t) => {
    const ca = newAuthority();
    const name = await register(t, ca);
    const put = (certificate) => rest.put(at(newId('ca')), { properties: { certificate } });
    for (const certificate of ['nothing', signedBy(ca, hub.folder, 'leaf').certificate,
                               ca.certificate + ca.key, ca.certificate.repeat(50)]) {
        const answer = await put(certificate);
        assert.equal(answer.status, 400, answer.text);
        assert.ok(!answer.text.includes(ca.key.slice(40, 80)), 'no key is echoed');
    }
    assert.equal((await rest.put(at(newId('ca')), {})).status, 400);
    assert.equal((await rest.put(at('no%20name'), { properties: {
        certificate: ca.certificate } })).status, 400);
    assert.equal((await rest.put(at(name), { properties: {
        certificate: ca.certificate } })).status, 412, 'it is registered already');
    const list = revocationList(newAuthority(), hub.folder, []);
    for (const text of ['nothing', list, ca.certificate])
        assert.equal((await rest.put(at(name, '/revocationList'), { revocationList: text }, any)).status,
                     400);
    const listed = (await rest.get(at('').slice(0, -1))).json;
    assert.ok(listed.value.some((one) => one.name === name));
    assert.ok(listed.twinhub.files.some((one) => one.subject === 'CN=device-authority'));
});

test('refusals are counted by what was wrong', async (t) => {
    const count = async () => {
        const text = await (await fetch(`http://127.0.0.1:${hub.metricsPort}/metrics`)).text();
        return Number(/^twin_devices_refused_total\{reason="wrong_name"\} (\S+)$/m.exec(text)[1]);
    };
    const { deviceId } = await newCertifiedDevice(t);
    const before = await count();
    const leaf = signedBy(authority(hub.folder, 'device-authority'), hub.folder, `${deviceId}x`);
    await rejected(t, deviceId, leaf);
    await until(async () => await count() > before, 'the refusal to be counted');
});
