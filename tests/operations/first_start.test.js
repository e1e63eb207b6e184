// The data folder: what the first start makes, and which folders are refused.
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Hub } from '../end_to_end/lib/hub.js';
import { ask, newHub, refusedStart, twinhub } from './lib/operator.js';
import { rewriteOwner } from './lib/store_log.js';

const owner_string = /HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=\S{44}/g;
const modeOf = (path) => (statSync(path).mode & 0o777).toString(8);

test('the first start prints the owner\'s connection string, no later one does', async (t) => {
    const hub = await newHub(t);
    const printed = hub.text().match(owner_string);
    assert.equal(printed?.length, 1, 'once');
    assert.equal(printed[0], hub.connectionString);
    assert.match(hub.text(), new RegExp(`NODE_EXTRA_CA_CERTS=${hub.dataFolder}/ca\\.pem`));
    await hub.stop();
    await hub.start();
    await hub.stop();
    assert.equal(hub.text().match(owner_string).length, 1, 'still once after another start');
});

test('the printed connection string works', async (t) => {
    const hub = await newHub(t);
    const [printed] = hub.text().match(owner_string);
    const answer = await twinhub(['device-identity', 'create', '-d', 'first', '--login', printed,
                                  '--ca-file', join(hub.dataFolder, 'ca.pem')]);
    assert.equal(answer.code, 0, answer.err);
    assert.equal(answer.json.deviceId, 'first');
});

test('a first start that fails says where the connection string is', async (t) => {
    const other = await newHub(t);
    const folder = join(other.folder, 'second');
    const answer = await twinhub(['serve', '--data', folder, '--metrics-port', 'off']);
    assert.equal(answer.code, 1);
    assert.match(answer.err, /Address already in use|address in use/i);
    assert.match(answer.err, /hub connection-string/);
    assert.equal(answer.out, '');
});

test('keys are the owner\'s alone, and so is the folder', async (t) => {
    const hub = await newHub(t);
    const secret = readdirSync(hub.dataFolder)
        .filter((name) => name.endsWith('.key') || name === 'policies.yaml');
    assert.deepEqual(secret.sort(), ['ca.key', 'evidence.key', 'policies.yaml', 'server-rsa.key',
                                     'server.key']);
    for (const name of secret) assert.equal(modeOf(join(hub.dataFolder, name)), '600', name);
    assert.equal(modeOf(hub.dataFolder), '700');
    assert.equal(modeOf(join(hub.dataFolder, 'ca.pem')), '644', 'clients read the certificate');
});

test('a data folder that the program makes itself has mode 0700', async (t) => {
    const hub = await newHub(t);
    const folder = join(hub.folder, 'made/by/itself');
    await twinhub(['serve', '--data', folder, '--metrics-port', 'off']); // the ports are taken
    assert.equal(modeOf(folder), '700');
});

test('keys that others can read are refused by name', async (t) => {
    const hub = await newHub(t);
    await hub.stop();
    chmodSync(join(hub.dataFolder, 'policies.yaml'), 0o644);
    const { code, text } = await refusedStart(hub);
    assert.equal(code, 1);
    assert.match(text, /policies\.yaml/);
});

test('a second server in the same folder is refused and names the first', async (t) => {
    const hub = await newHub(t);
    const certificate = () => statSync(join(hub.dataFolder, 'server.pem')).mtimeMs;
    const before = certificate();
    const second = await twinhub(['serve', '--data', hub.dataFolder, '--hub-name', 'another',
                                  '--listen-https-port', 0, '--listen-mqtt-port', 0,
                                  '--metrics-port', 0]);
    assert.equal(second.code, 1);
    assert.match(second.err, new RegExp(`in use by the server with process number ${hub.process.pid}`));
    assert.equal(certificate(), before, 'the refused one has changed nothing');
    assert.equal((await ask(hub, 'GET', '/devices')).status, 200, 'the first one serves');
});

test('the folder of another hub is refused', async (t) => {
    const hub = await newHub(t);
    await hub.stop();
    const stranger = new Hub(hub.folder, { host: 'other.example' });
    const { code, text } = await refusedStart(stranger);
    assert.equal(code, 1);
    assert.match(text, /belongs to the hub localhost, not to other\.example/);
    await hub.start();
    assert.equal((await ask(hub, 'GET', '/devices')).status, 200);
});

test('the folder of a newer release is refused and left as it is', async (t) => {
    const hub = await newHub(t);
    await ask(hub, 'PUT', '/devices/kept', { body: { deviceId: 'kept' } });
    await hub.kill(); // what it wrote is in the log
    rewriteOwner(join(hub.dataFolder, 'store'), ({ hub: name }) => ({ format: 9, hub: name }));
    const { code, text } = await refusedStart(hub);
    assert.equal(code, 1);
    assert.match(text, /made by a newer release: it has format 9, this release reads up to format 1/);
});

test('a damaged store is refused by name', async (t) => {
    const hub = await newHub(t);
    await ask(hub, 'PUT', '/devices/kept', { body: { deviceId: 'kept' } });
    await hub.stop();
    const store = join(hub.dataFolder, 'store');
    const manifest = readdirSync(store).find((name) => name.startsWith('MANIFEST-'));
    const whole = readFileSync(join(store, manifest));
    writeFileSync(join(store, manifest), whole.subarray(0, 20).fill(0x55));
    const damaged = await refusedStart(hub);
    assert.equal(damaged.code, 1);
    assert.match(damaged.text, /twinhub: .*(damaged|[Cc]orrupt)/);
    assert.match(damaged.text, new RegExp(`${store}|${manifest}`), 'says where');
    writeFileSync(join(store, manifest), whole);
    rmSync(join(store, 'CURRENT'));
    const headless = await refusedStart(hub);
    assert.equal(headless.code, 1);
    assert.match(headless.text, /data\/store is damaged: its file CURRENT is missing/);
});
