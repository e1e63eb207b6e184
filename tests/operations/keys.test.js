// Keys, certificates and authorities change while the hub runs.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { test } from 'node:test';
import { credentials, RawMqtt } from '../end_to_end/lib/raw_mqtt.js';
import { nextEvent, until } from '../end_to_end/lib/wait.js';
import { authority, selfSigned, signedBy } from '../end_to_end/lib/x509.js';
import { ask, copyPair, newDevice, newFolder, newHub, reload } from './lib/operator.js';

const statusWith = async (hub, text) =>
    (await ask(hub, 'GET', '/twins/someone', {}, text)).status; // 404 when the key is right

// The thumbprint of the certificate that the HTTPS port shows.
async function shown(hub, servername = 'localhost') {
    const socket = connect({ host: '127.0.0.1', port: hub.httpsPort, servername,
                             rejectUnauthorized: false });
    await nextEvent(socket, 'secureConnect');
    const print = socket.getPeerX509Certificate().fingerprint;
    socket.destroy();
    return print;
}

function config(folder, text) {
    const file = join(folder, 'hub.yaml');
    writeFileSync(file, text);
    return file;
}

for (const type of ['primary', 'secondary'])
    test(`hub policy renew-key --key-type ${type} works without a restart`, async (t) => {
        const hub = await newHub(t);
        const old = hub.connectionStringOf('service', type);
        const other = hub.connectionStringOf('service', type === 'primary' ? 'secondary' : 'primary');
        assert.equal(await statusWith(hub, old), 404);
        const answer = await hub.run('hub', 'policy', 'renew-key', '--policy-name', 'service',
                                     '--key-type', type);
        assert.equal(answer.code, 0, answer.err);
        assert.equal(answer.err, '', 'the server was told');
        assert.equal(answer.json.keyName, 'service');
        const renewed = hub.connectionStringOf('service', type);
        assert.notEqual(renewed, old);
        await until(async () => await statusWith(hub, renewed) === 404, 'the new key to work');
        assert.equal(await statusWith(hub, old), 401, 'the old key');
        assert.equal(await statusWith(hub, other), 404, 'the other key');
    });

test('hub policy renew-key swap and both', async (t) => {
    const hub = await newHub(t);
    const keys = () => ['primary', 'secondary'].map((type) => hub.connectionStringOf('service', type));
    const [one, two] = keys();
    await hub.run('hub', 'policy', 'renew-key', '--policy-name', 'service', '--kt', 'swap');
    assert.deepEqual(keys(), [two, one]);
    assert.equal(await statusWith(hub, one), 404, 'both still work');
    await hub.run('hub', 'policy', 'renew-key', '--policy-name', 'service', '--kt', 'both');
    await until(async () => await statusWith(hub, one) === 401, 'the first key to be refused');
    assert.equal(await statusWith(hub, two), 401);
    for (const key of keys()) assert.equal(await statusWith(hub, key), 404);
});

test('hub policy renew-key says so when no server runs, and refuses an unknown policy', async (t) => {
    const hub = await newHub(t);
    await hub.stop();
    const renew = (name) => hub.run('hub', 'policy', 'renew-key', '--policy-name', name, '--kt',
                                    'primary');
    const answer = await renew('service');
    assert.equal(answer.code, 0);
    assert.match(answer.err, /no server runs in this data folder/);
    const unknown = await renew('nobody');
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /there is no policy 'nobody'/);
    await hub.start();
    assert.equal(await statusWith(hub, hub.connectionStringOf('service')), 404);
});

test('a device that is connected stays so when policies are renewed', async (t) => {
    const hub = await newHub(t);
    const device = await RawMqtt.connect(hub, credentials(hub, await newDevice(hub, 'press')));
    t.after(() => device.destroy());
    await hub.run('hub', 'policy', 'renew-key', '--policy-name', 'device', '--kt', 'both');
    await until(() => hub.text().includes('server.reloaded'), 'the reload');
    await device.ping();
});

test('SIGHUP takes policies that were changed by hand', async (t) => {
    const hub = await newHub(t);
    const file = join(hub.dataFolder, 'policies.yaml');
    const key = Buffer.alloc(32, 5).toString('base64');
    writeFileSync(file, `policies:\n  reader:\n    rights: [registryRead]\n    primaryKey: "${key}"\n`
        + `    secondaryKey: "${key}"\n`, { mode: 0o600 });
    assert.equal(await reload(hub), 'server.reloaded');
    const reader = `HostName=localhost;SharedAccessKeyName=reader;SharedAccessKey=${key}`;
    assert.equal((await ask(hub, 'GET', '/devices', {}, reader)).status, 200);
});

test('SIGHUP keeps the policies in force when the file is bad or gone', async (t) => {
    const hub = await newHub(t);
    const owner = hub.connectionString;
    const file = join(hub.dataFolder, 'policies.yaml');
    const secret = 'c2VjcmV0IHRoYXQgbXVzdCBub3QgYmUgc2hvd24=';
    for (const [text, says] of [
        [`policies:\n  a:\n    rights: [fly]\n    primaryKey: "${secret}!"\n`, 'a.rights'],
        ['policies: [', 'is not YAML'], ['', 'policies']]) {
        writeFileSync(file, text);
        const event = await reload(hub);
        assert.match(event, /^server\.reload_refused/);
        assert.ok(event.includes(says) && event.includes('policies.yaml'), event);
        assert.ok(!event.includes(secret));
        assert.equal(await statusWith(hub, owner), 404, 'the old keys hold');
    }
    rmSync(file);
    assert.match(await reload(hub), /^server\.reload_refused .*policies\.yaml/);
    assert.equal(await statusWith(hub, owner), 404);
    assert.throws(() => readFileSync(file), { code: 'ENOENT' }, 'no new keys are made');
});

test('a server certificate of the operator\'s own, and a new one on SIGHUP', async (t) => {
    const folder = newFolder(t);
    const pair = join(folder, 'server');
    const first = selfSigned(folder, 'localhost');
    copyPair(first, pair);
    const hub = await newHub(t, { folder, config: config(folder, `tls:
  certificates: [${pair}.pem]
  keys: [${pair}.key]
`) });
    const before = await shown(hub);
    assert.throws(() => readFileSync(join(hub.dataFolder, 'ca.pem')), { code: 'ENOENT' },
                  'no CA is made');
    assert.ok(!/NODE_EXTRA_CA_CERTS/.test(hub.text()));
    copyPair(selfSigned(folder, 'localhost'), pair);
    assert.equal(await reload(hub), 'server.reloaded');
    const next = await shown(hub);
    assert.notEqual(next, before);
    // A key of another certificate, then no certificate at all.
    copyPair({ ...selfSigned(folder, 'localhost'), key: first.key }, pair);
    assert.match(await reload(hub), /^server\.reload_refused .*is not the key of/);
    writeFileSync(`${pair}.pem`, 'nothing');
    assert.match(await reload(hub), /^server\.reload_refused .*server\.pem/);
    assert.equal(await shown(hub), next, 'the last good one stays');
});

test('SIGHUP takes a new device authority and drops one that is gone', async (t) => {
    const folder = newFolder(t);
    const trusted = join(folder, 'authorities');
    mkdirSync(trusted);
    const [one, two] = [authority(folder, 'one'), authority(folder, 'two')];
    writeFileSync(join(trusted, 'one.pem'), one.certificate);
    const hub = await newHub(t, { folder, config: config(folder,
        `auth:\n  device_cas: [${trusted}]\n`) });
    await ask(hub, 'PUT', '/devices/press', { body: {
        deviceId: 'press', authentication: { type: 'certificateAuthority' } } });
    const connack = async (issuer) => {
        const leaf = signedBy(issuer, folder, 'press');
        const device = await RawMqtt.connect(hub, credentials(hub, { deviceId: 'press' }), {
            cert: leaf.certificate, key: leaf.key }).catch((error) => error.message);
        if (typeof device === 'string') return device;
        device.destroy();
        return 'connected';
    };
    assert.equal(await connack(one), 'connected');
    assert.notEqual(await connack(two), 'connected');
    writeFileSync(join(trusted, 'two.pem'), two.certificate);
    assert.equal(await reload(hub), 'server.reloaded');
    assert.equal(await connack(two), 'connected');
    rmSync(join(trusted, 'one.pem'));
    assert.equal(await reload(hub), 'server.reloaded');
    assert.notEqual(await connack(one), 'connected');
    writeFileSync(join(trusted, 'bad.pem'), 'nothing');
    assert.match(await reload(hub), /^server\.reload_refused .*bad\.pem/);
    assert.equal(await connack(two), 'connected', 'what was trusted still is');
});

test('a changed name gives a new server certificate from the same CA', async (t) => {
    const hub = await newHub(t);
    const before = await shown(hub);
    const ca = hub.ca;
    await hub.stop();
    hub.arguments = ['--hub-aliases', 'twins.example'];
    await hub.start();
    assert.notEqual(await shown(hub), before);
    assert.equal(readFileSync(join(hub.dataFolder, 'ca.pem'), 'utf8'), ca);
});

test('device-identity renew-key: the old keys connect no more', async (t) => {
    const hub = await newHub(t);
    const device = await newDevice(hub, 'press');
    const before = await RawMqtt.connect(hub, credentials(hub, device));
    t.after(() => before.destroy());
    const answer = await hub.run('device-identity', 'renew-key', '-d', 'press', '--kt', 'both');
    assert.equal(answer.code, 0, answer.err);
    await assert.rejects(RawMqtt.connect(hub, credentials(hub, device)), /CONNACK 5/);
});
