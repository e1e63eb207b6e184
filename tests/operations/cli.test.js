// Every command of docs/cli.md against a live hub, in every format.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { binary, Hub } from '../end_to_end/lib/hub.js';
import { credentials, packets, RawMqtt, types } from '../end_to_end/lib/raw_mqtt.js';
import { Inbox } from '../end_to_end/lib/wait.js';
import { isRunning, twinhub } from './lib/operator.js';

let hub;
let count = 0;
const newId = () => `cli-${++count}`;
const run = (...words) => twinhub(words, { env: { TWINHUB_DATA: hub.dataFolder } });
const good = async (...words) => {
    const answer = await run(...words);
    assert.equal(answer.code, 0, `${words.join(' ')}: ${answer.err}`);
    assert.equal(answer.err, '');
    return answer;
};
async function newDevice(...words) {
    const id = newId();
    await good('device-identity', 'create', '-d', id, ...words);
    return id;
}

before(async () => { hub = await Hub.start(); });
after(async () => {
    if (hub && isRunning(hub)) await hub.stop();
    hub?.remove();
});

test('device-identity create, show and list', async () => {
    const id = await newDevice('--status', 'disabled', '--status-reason', 'not yet');
    const shown = (await good('device-identity', 'show', '--device-id', id)).json;
    assert.equal(shown.deviceId, id);
    assert.equal(shown.status, 'disabled');
    assert.equal(shown.statusReason, 'not yet');
    assert.equal(shown.hub, 'localhost');
    const twins = (await good('device-identity', 'list')).json;
    assert.ok(twins.find((twin) => twin.deviceId === id).properties, 'twins, as az gives them');
    const identities = (await good('device-identity', 'list', '--identities')).json;
    assert.ok(identities.find((identity) => identity.deviceId === id).authentication.symmetricKey);
    assert.equal((await good('device-identity', 'list', '--top', '1')).json.length, 1);
});

test('device-identity create with keys and thumbprints', async () => {
    const key = Buffer.alloc(32, 7).toString('base64');
    const id = newId();
    const { json } = await good('device-identity', 'create', '-d', id, '--pk', key, '--sk', key);
    assert.equal(json.authentication.symmetricKey.primaryKey, key);
    const print = 'A'.repeat(40);
    const other = newId();
    const made = (await good('device-identity', 'create', '-d', other, '--am', 'x509_thumbprint',
                             '--ptp', print)).json;
    assert.equal(made.authentication.x509Thumbprint.primaryThumbprint, print);
    const ca = (await good('device-identity', 'create', '-d', newId(), '--am', 'x509_ca')).json;
    assert.equal(ca.authentication.type, 'certificateAuthority');
});

test('device-identity create makes a certificate when it is asked to', async () => {
    const id = newId();
    const { json } = await good('device-identity', 'create', '-d', id, '--am', 'x509_thumbprint',
                                '--valid-days', '10', '--output-dir', hub.folder);
    assert.equal(json.authentication.type, 'selfSigned');
    assert.match(readFileSync(join(hub.folder, `${id}-cert.pem`), 'utf8'), /BEGIN CERTIFICATE/);
    assert.match(readFileSync(join(hub.folder, `${id}-key.pem`), 'utf8'), /PRIVATE KEY/);
});

test('device-identity update changes what is named and keeps the rest', async () => {
    const id = await newDevice();
    const old = (await good('device-identity', 'show', '-d', id)).json;
    const { json } = await good('device-identity', 'update', '-d', id, '--status', 'disabled',
                                '--set', 'statusReason=in repair', '--etag', old.etag);
    assert.equal(json.status, 'disabled');
    assert.equal(json.statusReason, 'in repair');
    assert.deepEqual(json.authentication, old.authentication);
});

test('device-identity renew-key: one, both, swapped', async () => {
    const id = await newDevice();
    const keysOf = (json) => json.authentication.symmetricKey;
    const first = keysOf((await good('device-identity', 'show', '-d', id)).json);
    const swapped = keysOf((await good('device-identity', 'renew-key', '-d', id, '--kt', 'swap')).json);
    assert.equal(swapped.primaryKey, first.secondaryKey);
    assert.equal(swapped.secondaryKey, first.primaryKey);
    const one = keysOf((await good('device-identity', 'renew-key', '-d', id, '--kt', 'primary')).json);
    assert.notEqual(one.primaryKey, swapped.primaryKey);
    assert.equal(one.secondaryKey, swapped.secondaryKey);
    const both = keysOf((await good('device-identity', 'renew-key', '-d', id, '--kt', 'both')).json);
    assert.notEqual(both.primaryKey, one.primaryKey);
    assert.notEqual(both.secondaryKey, one.secondaryKey);
});

test('device-identity connection-string show, with both keys', async () => {
    const id = await newDevice();
    const { symmetricKey } = (await good('device-identity', 'show', '-d', id)).json.authentication;
    for (const type of ['primary', 'secondary']) {
        const { json } = await good('device-identity', 'connection-string', 'show', '-d', id,
                                    '--key-type', type);
        assert.equal(json.connectionString,
                     `HostName=localhost;DeviceId=${id};SharedAccessKey=${symmetricKey[`${type}Key`]}`);
    }
});

test('device-identity delete, only with the right etag', async () => {
    const id = await newDevice();
    const stale = await run('device-identity', 'delete', '-d', id, '--etag', 'c3RhbGU=');
    assert.equal(stale.code, 1);
    assert.match(stale.err, /^PreconditionFailed: .+\n$/);
    const { out } = await good('device-identity', 'delete', '-d', id);
    assert.equal(out, '');
    assert.equal((await run('device-identity', 'show', '-d', id)).code, 1);
});

test('device-twin update merges, sets, adds and removes', async () => {
    const id = await newDevice();
    const twin = (await good('device-twin', 'update', '-d', id, '--desired', '{"speed":40,"mode":"a"}',
                             '--tags', '{"site":"lyon","line":1}')).json;
    assert.equal(twin.properties.desired.speed, 40);
    assert.deepEqual(twin.tags, { site: 'lyon', line: 1 });
    const next = (await good('device-twin', 'update', '-d', id, '--set',
                             'properties.desired.speed=41', '--remove', 'tags.line',
                             '--etag', twin.etag)).json;
    assert.equal(next.properties.desired.speed, 41);
    assert.equal(next.properties.desired.mode, 'a');
    assert.deepEqual(next.tags, { site: 'lyon' });
    const file = join(hub.folder, 'desired.json');
    writeFileSync(file, '{"mode": null}');
    const last = (await good('device-twin', 'update', '-d', id, '--desired', file)).json;
    assert.equal(last.properties.desired.mode, undefined, 'null removes');
});

test('device-twin replace, show and list', async () => {
    const id = await newDevice();
    await good('device-twin', 'update', '-d', id, '--desired', '{"old":1}', '--tags', '{"old":1}');
    const file = join(hub.folder, 'twin.json');
    writeFileSync(file, JSON.stringify({ tags: { site: 'metz' }, properties: { desired: { a: 1 } } }));
    const { etag } = (await good('device-twin', 'show', '-d', id)).json;
    const replaced = (await good('device-twin', 'replace', '-d', id, '-j', file, '--etag', etag)).json;
    assert.deepEqual(replaced.tags, { site: 'metz' });
    assert.equal(replaced.properties.desired.old, undefined);
    assert.deepEqual((await good('device-twin', 'show', '-d', id)).json, replaced);
    const stale = await run('device-twin', 'replace', '-d', id, '-j', file, '--etag', etag);
    assert.equal(stale.code, 1);
    assert.match(stale.err, /^PreconditionFailed: /);
    assert.ok((await good('device-twin', 'list')).json.some((twin) => twin.deviceId === id));
});

test('module-identity and module-twin', async () => {
    const id = await newDevice();
    const of = ['-d', id, '-m', 'motor'];
    const made = (await good('module-identity', 'create', ...of, '--managed-by', 'me')).json;
    assert.equal(made.moduleId, 'motor');
    assert.equal((await good('module-identity', 'show', ...of)).json.managedBy, 'me');
    assert.equal((await good('module-identity', 'list', '-d', id)).json.length, 1);
    const text = (await good('module-identity', 'connection-string', 'show', ...of)).json;
    assert.match(text.connectionString, new RegExp(`;DeviceId=${id};ModuleId=motor;SharedAccessKey=`));
    const swapped = (await good('module-identity', 'renew-key', ...of, '--kt', 'swap')).json;
    assert.equal(swapped.authentication.symmetricKey.primaryKey,
                 made.authentication.symmetricKey.secondaryKey);
    await good('module-identity', 'update', ...of, '--managed-by', 'you');
    const twin = (await good('module-twin', 'update', ...of, '--desired', '{"rpm":900}')).json;
    assert.equal(twin.properties.desired.rpm, 900);
    const replaced = (await good('module-twin', 'replace', ...of, '-j',
                                 '{"properties":{"desired":{"rpm":1}}}')).json;
    assert.equal(replaced.properties.desired.rpm, 1);
    assert.equal((await good('module-twin', 'show', ...of)).json.etag, replaced.etag);
    await good('module-identity', 'delete', ...of);
    assert.deepEqual((await good('module-identity', 'list', '-d', id)).json, []);
});

test('query', async () => {
    const id = await newDevice();
    const { json } = await good('query', '-q', `select * from devices where deviceId = '${id}'`);
    assert.equal(json.length, 1);
    assert.equal(json[0].deviceId, id);
    assert.equal((await good('query', '-q', 'select * from devices', '--top', '1')).json.length, 1);
    assert.equal((await good('query', 'select * from devices', '--top', '1')).json.length, 1);
    assert.deepEqual((await good('hub', 'query', '--query-command', 'select count() as n from devices '
        + `where deviceId = '${id}'`)).json, [{ n: 1 }]);
});

test('query: formats, columns, pages', async () => {
    const mark = newId();
    const ids = [];
    for (let n = 0; n < 3; n++) {
        const id = await newDevice();
        ids.push(id);
        await good('device-twin', 'update', '-d', id, '--tags',
                   JSON.stringify({ mark, ...(n === 1 ? {} : { site: `s${n}` }) }));
    }
    const sql = `SELECT deviceId, tags.site, tags.mark AS mark FROM devices WHERE tags.mark = '${mark}'`;
    const run_as = async (format, ...more) => (await good('query', sql, '-o', format, ...more)).out;
    assert.equal(await run_as('tsv'),
                 `${ids[0]}\ts0\t${mark}\n${ids[1]}\t\t${mark}\n${ids[2]}\ts2\t${mark}\n`);
    assert.deepEqual((await run_as('ndjson')).trimEnd().split('\n').map((line) => JSON.parse(line)),
                     JSON.parse(await run_as('json')));
    assert.match(await run_as('table'), /^deviceId +site +mark\n/);
    assert.match(await run_as('yaml'), /^- deviceId: /);
    assert.equal((await run_as('ndjson', '--top', '2')).trimEnd().split('\n').length, 2);
    const twins = `tags.mark = '${mark}' AND is_defined(tags.site)`;
    assert.equal((await good('device-twin', 'list', '--query', twins)).json.length, 2);
    assert.equal((await good('device-twin', 'list', '--ee', '--query', twins)).json.length, 0);
    assert.equal((await good('device-twin', 'list', '--query',
                             `SELECT * FROM devices WHERE ${twins}`)).json.length, 2);
});

test('query --explain shows how it was answered', async () => {
    const { out } = await good('query', '--explain', "select * from devices where tags.site = 'x'");
    assert.match(out, /^plan:\n {2}Op /);
    assert.match(out, /^estRows: \d+$/m);
    const { json } = await good('query', '--explain', 'select * from devices', '-o', 'json');
    assert.ok(Array.isArray(json[0].plan));
});

test('query says what is wrong, and where, in one line', async () => {
    for (const [words, what] of [
        [['select * from devices where tags.group = 1'], /line 1, column 34.*|\[\[group\]\]/],
        [['select * from devices limit 1', '--dialect', 'azure'], /LIMIT/i]]) {
        const { code, out, err } = await run('query', ...words);
        assert.equal(code, 1);
        assert.equal(out, '');
        assert.match(err, /^ArgumentInvalid: .+\n$/);
        assert.match(err, what);
    }
});

test('dps enrollment and enrollment-group', async () => {
    const eid = newId();
    const made = (await good('dps', 'enrollment', 'create', '--eid', eid, '--at', 'symmetricKey',
                             '--tags', '{"site":"x"}', '--props', '{"a":1}', '--rp', 'never')).json;
    assert.deepEqual(made.initialTwin, { tags: { site: 'x' }, properties: { desired: { a: 1 } } });
    assert.equal(made.reprovisionPolicy.updateHubAssignment, false);
    const keys = async () => (await good('dps', 'enrollment', 'show', '--eid', eid, '--keys'))
        .json.attestation.symmetricKey;
    const before = await keys();
    await good('dps', 'enrollment', 'update', '--eid', eid, '--ps', 'disabled', '--ee', 'true',
               '-e', made.etag);
    assert.deepEqual(await keys(), before);
    const shown = (await good('dps', 'enrollment', 'show', '--eid', eid)).json;
    assert.equal(shown.provisioningStatus, 'disabled');
    assert.equal(shown.capabilities.iotEdge, true);
    assert.equal(shown.attestation.symmetricKey, undefined);
    await good('dps', 'enrollment', 'renew-key', '--eid', eid, '--kt', 'primary');
    assert.notEqual((await keys()).primaryKey, before.primaryKey);
    assert.equal((await keys()).secondaryKey, before.secondaryKey);
    const wrong = await run('dps', 'enrollment', 'delete', '--eid', eid, '-e', made.etag);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /etag does not match/);
    const list = (await good('dps', 'enrollment', 'list')).json;
    assert.ok(list.some((enrollment) => enrollment.registrationId === eid));
    assert.equal((await good('dps', 'enrollment', 'list', '--top', '1')).json.length, 1);
    await good('dps', 'enrollment', 'delete', '--eid', eid);
    assert.equal((await run('dps', 'enrollment', 'show', '--eid', eid)).code, 1);
    const gid = newId();
    const key = Buffer.alloc(32, 9).toString('base64');
    await good('dps', 'enrollment-group', 'create', '--eid', gid, '--pk', key, '--sk', key);
    const own = (await good('dps', 'enrollment-group', 'compute-device-key', '--eid', gid,
                            '--rid', 'd-1')).json;
    assert.equal(own, createHmac('sha256', Buffer.alloc(32, 9)).update('d-1').digest('base64'));
    assert.equal((await good('dps', 'enrollment-group', 'compute-device-key', '--key', key,
                             '--rid', 'd-1')).json, own);
    assert.deepEqual((await good('dps', 'enrollment-group', 'registration', 'list', '--eid', gid))
        .json, []);
    assert.match((await good('dps', 'show')).json.idScope, /^0ne[0-9A-F]{8}$/);
});

test('hub connection-string and hub policy list', async () => {
    const list = (await good('hub', 'policy', 'list')).json;
    assert.deepEqual(list.map(({ keyName }) => keyName),
                     ['iothubowner', 'service', 'device', 'registryRead', 'registryReadWrite', 'provisioningserviceowner']);
    for (const { keyName, primaryKey, secondaryKey } of list)
        for (const [type, key] of [['primary', primaryKey], ['secondary', secondaryKey]]) {
            const { json } = await good('hub', 'connection-string', 'show', '--policy-name', keyName,
                                        '--key-type', type);
            assert.equal(json.connectionString, 'HostName=localhost;SharedAccessKeyName='
                + `${keyName};SharedAccessKey=${key}`);
        }
});

test('every format: json, table, tsv, yaml, none', async () => {
    const id = await newDevice();
    const show = (format) => good('device-identity', 'show', '-d', id, '-o', format);
    assert.equal((await show('json')).json.deviceId, id);
    const table = (await show('table')).out.trimEnd().split('\n');
    assert.equal(table.length, 3);
    assert.match(table[0], /^DeviceId +Status/);
    assert.match(table[1], /^-+( +-+)+$/);
    assert.match(table[2], new RegExp(`^${id} +enabled`));
    const tsv = (await show('tsv')).out.trimEnd();
    assert.equal(tsv.split('\n').length, 1);
    assert.ok(tsv.split('\t').includes(id));
    assert.match((await show('yaml')).out, new RegExp(`^deviceId: ${id}$`, 'm'));
    assert.equal((await show('none')).out, '');
});

test('--login, the two variables and --hub-name choose the hub', async () => {
    const ca = join(hub.dataFolder, 'ca.pem');
    const login = hub.connectionStringOf('registryRead');
    const nowhere = { TWINHUB_DATA: join(hub.folder, 'nowhere') };
    const list = ['device-identity', 'list', '--identities', '-o', 'none', '--ca-file', ca];
    assert.equal((await twinhub([...list, '--login', login], { env: nowhere })).code, 0);
    for (const name of ['TWINHUB_CONNECTION_STRING', 'IOTHUB_CONNECTION_STRING'])
        assert.equal((await twinhub(list, { env: { ...nowhere, [name]: login } })).code, 0, name);
    const lost = await twinhub(list, { env: nowhere });
    assert.equal(lost.code, 2);
    assert.match(lost.err, /which hub\? Give --login/);
    const other = await run(...list, '--hub-name', 'elsewhere');
    assert.equal(other.code, 2);
    assert.match(other.err, /--hub-name is 'elsewhere'/);
    assert.equal((await run(...list, '-n', 'localhost')).code, 0);
});

test('a policy without the right is refused with the server\'s code', async () => {
    const answer = await run('device-identity', 'create', '-d', newId(), '--login',
                             hub.connectionStringOf('registryRead'));
    assert.equal(answer.code, 1);
    assert.match(answer.err, /^[A-Z]\w+: .+\n$/);
});

test('what the server refuses is its code and message, exit code 1', async () => {
    const id = await newDevice();
    for (const [words, code] of [
        [['device-twin', 'show', '-d', 'nobody'], 'DeviceNotFound'],
        [['device-identity', 'create', '-d', id], 'DeviceAlreadyExists'],
        [['device-twin', 'update', '-d', id, '--desired', '{"a.b":1}'], 'ArgumentInvalid'],
        [['module-identity', 'show', '-d', id, '-m', 'nothing'], 'ModuleNotFound'],
        [['query', '-q', 'select nonsense'], 'ArgumentInvalid'],
    ]) {
        const answer = await run(...words);
        assert.equal(answer.code, 1, words.join(' '));
        assert.equal(answer.out, '');
        assert.match(answer.err, new RegExp(`^${code}: .+\n$`), words.join(' '));
    }
});

test('a hub that does not answer is named', async () => {
    const answer = await run('device-twin', 'list', '--login',
                             'HostName=localhost:9;SharedAccessKeyName=a;SharedAccessKey=YQ==');
    assert.equal(answer.code, 1);
    assert.match(answer.err, /localhost/);
});

test('wrong usage is one line that helps, exit code 2', async () => {
    for (const [words, text] of [
        [['device-twin'], /goes on with one of: .*show/],
        [['device-twin', 'shwo'], /after 'device-twin' comes one of: /],
        [['nonsense'], /is no command/],
        [['device-twin', 'show'], /--device-id is required/],
        [['device-twin', 'show', '-d'], /takes a value/],
        [['device-twin', 'show', '-d', 'a', '--colour', 'red'], /no option '--colour'/],
        [['device-twin', 'update', '-d', 'a'], /nothing to change/],
        [['device-twin', 'update', '-d', 'a', '--desired', '[1]'], /--desired/],
        [['device-twin', 'update', '-d', 'a', '--desired', '{"a":'], /--desired/],
        [['device-twin', 'show', '-d', 'a', '-o', 'xml'], /--output is one of/],
        [['device-identity', 'renew-key', '-d', 'a', '--kt', 'third'], /--key-type is one of/],
        [['hub', 'policy', 'renew-key', '--kt', 'primary'], /--policy-name is required/],
        [['simulate', '--devices', 'some'], /--devices is a number/],
        [['device-twin', 'show', '-d', 'a', '--login', 'nonsense'], /connection string/i],
    ]) {
        const answer = await run(...words);
        assert.equal(answer.code, 2, words.join(' '));
        assert.equal(answer.out, '');
        assert.match(answer.err, text);
        assert.equal(answer.err.trimEnd().split('\n').length, 1, answer.err);
    }
});

test('--help answers for every command and group', async () => {
    const all = (await good('--help')).out;
    const commands = [...all.matchAll(/^ {2}((?:[a-z-]+ )+) {2,}/gm)].map((match) => match[1].trim());
    assert.ok(commands.length > 25, all);
    for (const command of commands) {
        const { out } = await good(...command.split(' '), '--help');
        assert.ok(out.includes(`twinhub ${command}`), command);
    }
    assert.match((await good('device-twin', '--help')).out, /device-twin update/);
});

test('device-events tail shows what devices send', async (t) => {
    const id = await newDevice();
    const key = (await good('device-identity', 'show', '-d', id)).json
        .authentication.symmetricKey.primaryKey;
    const tail = spawn(binary(), ['device-events', 'tail', '-d', id], {
        stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TWINHUB_DATA: hub.dataFolder } });
    t.after(() => tail.kill('SIGKILL'));
    const seen = new Inbox();
    let err = '';
    tail.stderr.on('data', (data) => { err += data; });
    tail.stdout.on('data', (data) => { for (const line of String(data).split('\n')) if (line) seen.put(line); });
    tail.once('exit', () => seen.end());
    const device = await RawMqtt.connect(hub, credentials(hub, { deviceId: id, key }));
    t.after(() => device.destroy());
    // The stream begins when the server has taken the request: send until something comes.
    let [sent, line] = [0, undefined];
    while (line === undefined && sent < 200) {
        device.send(packets.publish(`devices/${id}/messages/events/`, `{"n":${++sent}}`,
                                    { qos: 1, id: sent }));
        await device.received.take((packet) => packet.type === types.puback, 'PUBACK');
        line = await seen.take(() => true, 'a line', 50).catch((error) => {
            if (error.code === 'ECONNRESET') throw new Error(`tail ended: ${err}`);
        });
    }
    assert.ok(line, `nothing was shown; ${err}`);
    assert.ok(line.includes(id), line);
    JSON.parse(line);
});
