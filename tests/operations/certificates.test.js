// The command line's certificates: files made, authorities registered, proved, revoked, kept.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentials, RawMqtt } from '../end_to_end/lib/raw_mqtt.js';
import { until } from '../end_to_end/lib/wait.js';
import { metric, newFolder, newHub, reload } from './lib/operator.js';

// Files below `folder`, and the words that make them.
function workshop(t, run) {
    const folder = newFolder(t);
    const file = (name) => join(folder, `${name}.pem`);
    const signer = (ca) => ca ? ['--ca-cert', file(`${ca}-cert`), '--ca-key', file(`${ca}-key`)] : [];
    const good = async (...words) => {
        const answer = await run('certificate', ...words);
        assert.equal(answer.code, 0, answer.err);
        return answer;
    };
    const make = (kind, name, commonName, ca) => good(
        kind, '--cn', commonName, '--file-name', name, '--output-dir', folder, ...signer(ca));
    return {
        folder, file, signer, good,
        ca: (name, above) => make('make-ca', name, `${name} CA`, above),
        leaf: (name, commonName, ca) => make('make-leaf', name, commonName, ca),
        tls: (name) => ({ cert: readFileSync(file(`${name}-cert`), 'utf8'),
                          key: readFileSync(file(`${name}-key`), 'utf8') }),
        revoke: async (ca, ...names) => {
            const list = join(folder, `${ca}.crl`);
            await good('make-revocation-list', '-p', list, ...signer(ca),
                       ...names.flatMap((name) => ['--revoke', file(`${name}-cert`)]));
            return list;
        },
    };
}

async function connack(hub, deviceId, tls) {
    const device = await RawMqtt.connect(hub, credentials(hub, { deviceId }), tls)
        .catch((error) => error.message);
    if (typeof device === 'string') return device;
    device.destroy();
    return 'connected';
}

test('from no CA to a device that is let in, revoked and let in again', async (t) => {
    const hub = await newHub(t);
    const files = workshop(t, hub.run);
    await files.ca('root');
    await files.ca('line', 'root');
    await files.leaf('press', 'press', 'line');
    assert.equal(statSync(files.file('press-key')).mode & 0o777, 0o600);
    assert.equal(files.tls('press').cert.match(/BEGIN CERTIFICATE/g).length, 2, 'with its chain');
    assert.equal((await hub.run('device-identity', 'create', '-d', 'press', '--am', 'x509_ca')).code, 0);
    const press = () => connack(hub, 'press', files.tls('press'));

    const created = (await files.good('create', '-n', 'factory', '-p', files.file('root-cert'))).json;
    assert.equal(created.properties.isVerified, false);
    assert.match(await press(), /CONNACK 5/);
    const code = (await files.good('generate-verification-code', '-n', 'factory')).json
        .properties.verificationCode;
    await files.leaf('wrong', 'wrong', 'root');
    const refused = await hub.run('certificate', 'verify', '-n', 'factory', '-p',
                                  files.file('wrong-cert'));
    assert.equal(refused.code, 1);
    assert.match(refused.err, /^ArgumentInvalid: The common name/);
    await files.leaf('proof', code, 'root');
    await files.good('verify', '-n', 'factory', '-p', files.file('proof-cert'));
    assert.equal(await press(), 'connected');

    // Everything is there after a crash.
    await hub.kill();
    await hub.start();
    assert.equal(await press(), 'connected');
    const table = (await files.good('list', '-o', 'table')).out;
    assert.match(table, /^factory +CN=root CA +true /m);

    const live = await RawMqtt.connect(hub, credentials(hub, { deviceId: 'press' }), files.tls('press'));
    t.after(() => live.destroy());
    await until(async () => await metric(hub, 'twin_device_certificates_expiring{days="30"}') === 0
        && await metric(hub, 'twin_certificate_authorities') === 1, 'the metrics');
    await files.good('create', '-n', 'line', '-p', files.file('line-cert'));
    await files.good('revocation-list', 'set', '-n', 'line', '-p', await files.revoke('line', 'press'));
    await live.waitClosed();
    assert.match(await press(), /CONNACK 5/);
    await files.good('revocation-list', 'clear', '-n', 'line');
    assert.equal(await press(), 'connected');
    await files.good('delete', '-n', 'factory');
    assert.match(await press(), /CONNACK 5/);
    assert.ok(!hub.text().includes(code), 'a code is not in the log');
});

test('certificate create --verified, update and etags', async (t) => {
    const hub = await newHub(t);
    const files = workshop(t, hub.run);
    await files.ca('root');
    await files.ca('other');
    const create = await files.good('create', '--name', 'factory', '--path', files.file('root-cert'),
                                    '--verified');
    assert.equal(create.json.twinhub.verifiedBy, 'statement');
    assert.equal(create.json.twinhub.verifiedPolicy, 'iothubowner');
    const again = await hub.run('certificate', 'create', '-n', 'factory', '-p', files.file('root-cert'));
    assert.equal(again.code, 1);
    assert.match(again.err, /^PreconditionFailed: /);
    const stale = await hub.run('certificate', 'update', '-n', 'factory', '-p', files.file('other-cert'),
                                '-e', 'bm9uZQ==');
    assert.match(stale.err, /^PreconditionFailed: /);
    const updated = await files.good('update', '-n', 'factory', '-p', files.file('other-cert'),
                                     '-e', create.json.etag);
    assert.equal(updated.json.properties.isVerified, false, 'another key is to be proved again');
    const shown = await files.good('show', '-n', 'factory');
    assert.deepEqual(shown.json, updated.json);
    assert.equal((await hub.run('certificate', 'show', '-n', 'nothing')).code, 1);
});

test('what cannot be made or sent is said in one line', async (t) => {
    const hub = await newHub(t);
    const files = workshop(t, hub.run);
    await files.ca('root');
    await files.ca('other');
    for (const [code, words] of [
        [2, ['make-leaf', '--cn', 'd']],
        [2, ['make-ca', '--cn', 'x', '--ca-cert', files.file('root-cert')]],
        [2, ['make-ca', '--cn', 'x', '--valid-days', '0']],
        [2, ['make-ca', '--cn', 'x', '--output-dir', join(files.folder, 'nowhere')]],
        [2, ['make-leaf', '--cn', 'd', '--ca-cert', files.file('root-cert'), '--ca-key',
             files.file('other-key')]],
        [1, ['create', '-n', 'x', '-p', files.file('nothing')]],
        [1, ['create', '-n', 'x', '-p', files.file('root-key')]],
        [1, ['create', '-n', 'a b', '-p', files.file('root-cert')]],
    ]) {
        const answer = await hub.run('certificate', ...words);
        assert.equal(answer.code, code, `${words.join(' ')}: ${answer.err}`);
        assert.equal(answer.err.trim().split('\n').length, 1, answer.err);
        assert.ok(!answer.err.includes('PRIVATE KEY-----'), answer.err);
    }
});

test('a reload that drops a CA ends the connections of its devices', async (t) => {
    const folder = newFolder(t);
    const trusted = join(folder, 'authorities');
    mkdirSync(trusted);
    const hub = await newHub(t, { folder, settings: `auth:\n  device_cas: [${trusted}]\n`,
                                  config: join(folder, 'data', 'twinhub.yaml') });
    const files = workshop(t, hub.run);
    await files.ca('root');
    await files.leaf('press', 'press', 'root');
    writeFileSync(join(trusted, 'root.pem'), files.tls('root').cert);
    assert.equal(await reload(hub), 'server.reloaded');
    await hub.run('device-identity', 'create', '-d', 'press', '--am', 'x509_ca');
    const live = await RawMqtt.connect(hub, credentials(hub, { deviceId: 'press' }), files.tls('press'));
    t.after(() => live.destroy());
    assert.equal(await reload(hub), 'server.reloaded');
    await live.ping();
    rmSync(join(trusted, 'root.pem'));
    assert.equal(await reload(hub), 'server.reloaded');
    await live.waitClosed();
});
