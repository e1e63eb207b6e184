// Configuration: every mistake at once, no secret shown, and which source wins.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { authority, selfSigned } from '../end_to_end/lib/x509.js';
import { newFolder, newHub, twinhub } from './lib/operator.js';

function write(folder, text, name = 'twinhub.yaml') {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
}

test('config check names every mistake at once, with file and line', async (t) => {
    const file = write(newFolder(t), `hub:
  nam: here
listen:
  https_port: 70000
  mqtt_port: [1, 2]
log:
  level: loud
history:
  age: 3
tls:
  certificates: [/nowhere/server.pem]
`);
    const answer = await twinhub(['config', 'check', '--config', file, '--loops', 'many'],
                                 { env: { TWINHUB_MQTT_SESSION_AGE: 'forever' } });
    assert.equal(answer.code, 2);
    assert.equal(answer.out, '');
    for (const [line, text] of [[2, 'hub.nam is not a setting'], [4, 'listen.https_port must be'],
                                [5, 'listen.mqtt_port must be'], [7, 'log.level must be'],
                                [9, 'history.age must be']])
        assert.match(answer.err, new RegExp(`${file}:${line}: ${text}`));
    for (const text of ['TWINHUB_MQTT_SESSION_AGE: must be', '--loops: must be', 'tls.keys: must be',
                        '/nowhere/server.pem'])
        assert.ok(answer.err.includes(text), `${text} in\n${answer.err}`);
});

test('serve refuses what config check refuses, before it makes anything', async (t) => {
    const folder = newFolder(t);
    const answer = await twinhub(['serve', '--data', join(folder, 'data'), '--loops', 'many',
                                  '--log-level', 'loud']);
    assert.equal(answer.code, 2);
    assert.match(answer.err, /--loops: must be/);
    assert.match(answer.err, /--log-level: must be/);
    assert.throws(() => readFileSync(join(folder, 'data')), { code: 'ENOENT' });
});

test('config check looks into certificates, keys and policies', async (t) => {
    const folder = newFolder(t);
    const [one, two] = [selfSigned(folder, 'hub.example'), selfSigned(folder, 'hub.example')];
    const policies = write(folder, 'policies:\n  service:\n    rights: [everything]\n', 'own.yaml');
    chmodSync(policies, 0o600);
    const broken = write(folder, 'no certificate', 'broken.pem');
    const file = write(folder, `tls:
  certificates: [${one.file}]
  keys: [${two.file.replace(/pem$/, 'key')}]
auth:
  device_cas: [${broken}]
  policies_file: ${policies}
`);
    const answer = await twinhub(['config', 'check', '--config', file]);
    assert.equal(answer.code, 2);
    for (const text of ['is not the key of', 'broken.pem', 'service.rights', 'primaryKey is missing'])
        assert.ok(answer.err.includes(text), `${text} in\n${answer.err}`);
});

test('config check finds good files good', async (t) => {
    const folder = newFolder(t);
    const own = selfSigned(folder, 'hub.example');
    const file = write(folder, `tls:
  certificates: [${own.file}]
  keys: [${own.file.replace(/pem$/, 'key')}]
auth:
  device_cas: [${authority(folder, 'fleet').file}]
`);
    const answer = await twinhub(['config', 'check', '--config', file]);
    assert.equal(answer.code, 0, answer.err);
    assert.match(answer.out, /good/);
});

test('config show prints what is in force, and no secret', async (t) => {
    const hub = await newHub(t, { settings: 'history:\n  age: 90d\n' });
    const answer = await hub.run('config', 'show');
    assert.equal(answer.code, 0, answer.err);
    assert.match(answer.out, /^history:\n {2}age: 90d$/m);
    const keys = readFileSync(join(hub.dataFolder, 'policies.yaml'), 'utf8').match(/"\S{44}"/g);
    assert.equal(keys.length, 12);
    for (const key of keys) assert.ok(!answer.out.includes(key.slice(1, -1)));
    // It can be read again as it is.
    const again = write(hub.folder, answer.out, 'shown.yaml');
    const second = await twinhub(['config', 'show', '--config', again]);
    assert.equal(second.out, answer.out);
});

test('the file wins over defaults, the environment over the file, flags over all', async (t) => {
    const folder = newFolder(t);
    const file = write(folder, 'history:\n  count: 11\n  age: 11d\nlog:\n  level: warn\n');
    const env = { TWINHUB_CONFIG: file, TWINHUB_HISTORY_AGE: '12d', TWINHUB_LOG_LEVEL: 'error' };
    const { out } = await twinhub(['config', 'show', '--log-level', 'debug'], { env });
    assert.match(out, /count: 11$/m, 'file');
    assert.match(out, /age: 12d$/m, 'environment');
    assert.match(out, /level: debug$/m, 'flag');
    assert.match(out, /sas_skew: 5m$/m, 'default');
});

test('docs/configuration.md is what the program writes', async () => {
    const { out } = await twinhub(['config', 'document']);
    assert.equal(readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8'), out);
});
