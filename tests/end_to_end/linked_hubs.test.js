// Two hubs of their own, one of which provisions devices for both (specification: device-protocols 7.7,
// twin-document 10).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { binary, Hub } from './lib/hub.js';
import { derivedKey, newKey, symmetric } from './lib/provisioning.js';
import { credentials, RawMqtt, topics } from './lib/raw_mqtt.js';
import { Rest } from './lib/rest.js';
import { sasToken } from './lib/sas.js';
import { until } from './lib/wait.js';

// The names are what the system finds on this machine, and what the certificates are for.
const far = await Hub.startAnywhere({ host: '127.0.0.2', address: '127.0.0.2',
                                      arguments: ['--listen-addresses', '127.0.0.2'] });
const folder = Hub.newFolder();
const config = join(folder, 'config.yaml');
writeFileSync(config, `outgoing:\n  ca_file: ${join(far.dataFolder, 'ca.pem')}\n`
    + 'provisioning:\n  hub_patience: 12s\n  requests_per_minute: 0\n  retry_after: 1s\n');
const near = await Hub.startAnywhere({ folder, config });
after(async () => {
    for (const rest of [service, farService, provisioning]) rest.close();
    for (const each of [near, far]) {
        await each.stop();
        each.remove();
    }
});

const service = new Rest(near);
const farService = new Rest(far);
const provisioning = new Rest(near, near.connectionStringOf('provisioningserviceowner'));
const idScope = readFileSync(join(near.dataFolder, 'id_scope'), 'utf8').trim();
const version = '?api-version=2021-10-01';

// These hubs have neither the name nor the port that everybody knows.
const reached = (hub, text) =>
    text.replace(/HostName=[^;]+/, `HostName=${hub.host}:${hub.httpsPort}`);

async function cli(...words) {
    const { stdout } = await promisify(execFile)(binary(), [
        'dps', ...words, '--login',
        reached(near, near.connectionStringOf('provisioningserviceowner')),
        '--ca-file', join(near.dataFolder, 'ca.pem')]);
    return stdout === '' ? undefined : JSON.parse(stdout);
}

const keys = {}; // of the groups
const initialTwin = { tags: { site: 'west' }, properties: { desired: { rate: 40 } } };

// Makes the group, or changes it.
async function group(name, more) {
    const key = keys[name] ??= newKey();
    const answer = await provisioning.put(`/enrollmentGroups/${name}${version}`, {
        enrollmentGroupId: name, attestation: symmetric(key, key), initialTwin, ...more,
    }, (await provisioning.get(`/enrollmentGroups/${name}${version}`)).status === 200
        ? { 'If-Match': '*' } : {});
    assert.equal(answer.status, 200, answer.body);
}

// A device of a group.
function device(id, of = id.split('-')[0]) {
    const key = derivedKey(keys[of], id);
    const ask = (method, path, body) => provisioning.send(method,
        `/${idScope}/registrations/${id}${path}?api-version=2019-03-31`, { body, headers: {
            Authorization: sasToken({ resource: `${idScope}/registrations/${id}`, key,
                                      policy: 'registration' }) } });
    const begin = async () => {
        const { json, status } = await ask('PUT', '/register', { registrationId: id });
        assert.equal(status, 202);
        return json.operationId;
    };
    const poll = async (operation) => (await ask('GET', `/operations/${operation}`)).json;
    const register = async () => {
        const operation = await begin();
        let state;
        await until(async () => {
            state = await poll(operation);
            return state.status !== 'assigning';
        }, 'the registration to end', 60_000);
        return state;
    };
    return { id, key, begin, poll, register };
}

const twinIn = async (rest, id) => (await rest.get(`/twins/${id}`)).json;
const isIn = async (rest, id) => (await rest.get(`/devices/${id}`)).status === 200;

// The sections with their times, without what counts anew in each hub.
function content(twin) {
    const withoutVersions = (value) => {
        if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
        return Object.fromEntries(Object.entries(value)
            .filter(([name]) => name !== '$version' && name !== '$lastUpdatedVersion')
            .map(([name, inner]) => [name, withoutVersions(inner)]));
    };
    return withoutVersions({ tags: twin.tags, properties: twin.properties });
}

async function report(hub, { id, key }, value) {
    const client = await RawMqtt.connect(hub, credentials(hub, { deviceId: id, key }));
    await client.subscribe([topics.results]);
    const { status } = await client.report(value);
    assert.equal(status, 204);
    client.destroy();
}

test('the commands link a hub and never show its key', async () => {
    const file = join(folder, 'far.txt');
    writeFileSync(file, `${reached(far, far.connectionString)}\n`);
    const made = await cli('linked-hub', 'create', '--connection-string', file);
    assert.equal(made.name, far.host);
    assert.match(made.connectionString, /SharedAccessKey=\*\*\*\*$/);
    assert.deepEqual((await cli('linked-hub', 'list')).map(({ name }) => name), [far.host]);
    const changed = await cli('linked-hub', 'update', '--linked-hub', far.host,
                              '--allocation-weight', '2');
    assert.equal(changed.allocationWeight, 2);
    assert.equal((await cli('linked-hub', 'update', '--linked-hub', far.host,
                            '--allocation-weight', '1')).allocationWeight, 1);
    const shown = await cli('linked-hub', 'show', '--linked-hub', far.host);
    assert.equal(shown.applyAllocationPolicy, true);
    const { SharedAccessKey: secret } = farService.credentials;
    for (const text of [JSON.stringify(shown), near.log()]) assert.ok(!text.includes(secret));
});

test('hashed allocation spreads a group over both hubs, and each device stays', async () => {
    await group('hashed', {});
    const homes = {};
    for (let i = 0; i < 12; i++) {
        const one = device(`hashed-${i}`);
        const { status, registrationState } = await one.register();
        assert.equal(status, 'assigned', JSON.stringify(registrationState));
        homes[one.id] = registrationState.assignedHub;
        const rest = registrationState.assignedHub === far.host ? farService : service;
        assert.deepEqual((await twinIn(rest, one.id)).tags, { site: 'west' });
        assert.equal((await twinIn(rest, one.id)).properties.desired.$version, 1);
    }
    assert.deepEqual(new Set(Object.values(homes)), new Set([near.host, far.host]));
    for (const id of ['hashed-0', 'hashed-1'])
        assert.equal((await device(id).register()).registrationState.assignedHub, homes[id]);
});

test('the least loaded hub by what both say gets the next devices', async () => {
    await group('least', { allocationPolicy: 'geoLatency' });
    const count = async (rest) => (await rest.get('/statistics/devices')).json.totalDeviceCount;
    for (let i = 0; i < 12; i++)
        assert.equal((await device(`least-${i}`).register()).status, 'assigned');
    assert.ok(Math.abs(await count(service) - await count(farService)) <= 1);
});

test('a device moves there and back with its twin exactly', async () => {
    await group('moving', { allocationPolicy: 'static', iotHubs: [near.host] });
    const one = device('moving-1');
    assert.equal((await one.register()).registrationState.assignedHub, near.host);
    await service.patch(`/twins/${one.id}`, { tags: { floor: 2, list: [1, { a: 'x' }] },
        properties: { desired: { rate: 55, deep: { a: { b: true } } } } });
    await report(near, one, { seen: { count: 3 }, z: 1.5 });
    const before = content(await twinIn(service, one.id));

    await group('moving', { allocationPolicy: 'static', iotHubs: [far.host] });
    const there = (await one.register()).registrationState;
    assert.equal(there.assignedHub, far.host);
    assert.equal(there.substatus, 'deviceDataMigrated');
    assert.equal(await isIn(service, one.id), false);
    const away = await twinIn(farService, one.id);
    assert.deepEqual(content(away), before);
    assert.equal(away.properties.desired.$version, 1);
    await report(far, one, { seen: { count: 4 } });
    const later = content(await twinIn(farService, one.id));

    await group('moving', { allocationPolicy: 'static', iotHubs: [near.host] });
    const back = (await one.register()).registrationState;
    assert.equal(back.assignedHub, near.host);
    assert.equal(back.substatus, 'deviceDataMigrated');
    assert.equal(await isIn(farService, one.id), false);
    assert.deepEqual(content(await twinIn(service, one.id)), later);

    await group('moving', { allocationPolicy: 'static', iotHubs: [far.host], reprovisionPolicy:
        { updateHubAssignment: false, migrateDeviceData: false } });
    assert.equal((await one.register()).registrationState.assignedHub, near.host);
    await group('moving', { allocationPolicy: 'static', iotHubs: [far.host], reprovisionPolicy:
        { updateHubAssignment: true, migrateDeviceData: false } });
    const reset = (await one.register()).registrationState;
    assert.equal(reset.assignedHub, far.host);
    assert.equal(reset.substatus, 'deviceDataReset');
    assert.equal(await isIn(service, one.id), false);
    const fresh = await twinIn(farService, one.id);
    assert.deepEqual(fresh.tags, { site: 'west' });
    assert.equal(fresh.properties.desired.rate, 40);
    assert.equal(fresh.properties.reported.seen, undefined);
});

test('while a linked hub is away devices wait, and when it is back they come to it', async () => {
    await group('away', { allocationPolicy: 'static', iotHubs: [far.host] });
    const patient = device('away-patient');
    await far.kill();
    const failed = await device('away-given-up').register();
    assert.equal(failed.status, 'failed');
    assert.match(failed.registrationState.errorMessage, /does not answer/);
    const operation = await patient.begin();
    assert.equal((await patient.poll(operation)).status, 'assigning');
    await far.start();
    await until(async () => (await patient.poll(operation)).status === 'assigned',
                'the device to be assigned', 30_000);
    assert.ok(await isIn(farService, patient.id));
    assert.equal((await device('away-given-up').register()).status, 'assigned');
});

test('a hub ends in order while devices wait, and knows its links when it is back', async () => {
    const waiting = device('away-waiting');
    await far.kill();
    const operation = await waiting.begin();
    assert.equal((await waiting.poll(operation)).status, 'assigning');
    await near.stop();
    await near.start();
    await far.start();
    assert.deepEqual((await cli('linked-hub', 'list')).map(({ name }) => name), [far.host]);
    const { registrationState } = await waiting.register();
    assert.equal(registrationState.assignedHub, far.host);
});
