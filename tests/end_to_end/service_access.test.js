// Who may use the service door (specification: service-api 2, checklist N24).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hub, keyOf, newDevice, newId, Registry, rest } from './lib/fixture.js';
import { Rest } from './lib/rest.js';
import { parseConnectionString, randomKey, sasToken, secondsFromNow, spellings } from './lib/sas.js';

const ownerText = hub.connectionString;
const owner = parseConnectionString(ownerText);

// The five calls of Microsoft's own registry test, each with the given connection string.
async function assertEveryCallFails(text, expected) {
    const stranger = Registry.fromConnectionString(text);
    const deviceId = newId('stranger');
    await assert.rejects(stranger.create({ deviceId }), expected);
    await assert.rejects(stranger.list(), expected);
    await assert.rejects(stranger.get(deviceId), expected);
    await assert.rejects(stranger.update({ deviceId }), expected);
    await assert.rejects(stranger.delete(deviceId), expected);
}

test('a wrong policy key is refused on every registry call', async () => {
    const text = ownerText.replace(owner.SharedAccessKey, randomKey());
    await assertEveryCallFails(text, { name: 'UnauthorizedError' });
});

test('an unknown policy is refused on every registry call', async () => {
    const text = ownerText.replace('SharedAccessKeyName=iothubowner', 'SharedAccessKeyName=nobody');
    await assertEveryCallFails(text, { name: 'UnauthorizedError' });
});

test('a host that does not exist fails on every registry call', async () => {
    const text = ownerText.replace(/HostName=[^;]+/, 'HostName=nowhere.invalid');
    await assertEveryCallFails(text, Error);
});

test('a token for another hub is refused', async () => {
    const Authorization = rest.token({ resource: 'other.example.com' });
    const answer = await rest.get('/devices', { Authorization });
    assert.equal(answer.status, 401);
});

test('a registry token made by hand works until it expires', async (t) => {
    const device = await newDevice(t);
    const good = Registry.fromSharedAccessSignature(rest.token());
    assert.equal((await good.get(device.deviceId)).responseBody.deviceId, device.deviceId);
    const expired = Registry.fromSharedAccessSignature(rest.token({ expiry: secondsFromNow(-400) }));
    await assert.rejects(expired.get(device.deviceId), { name: 'UnauthorizedError' });
});

test('the secondary key of a policy is as good as the primary', async () => {
    const text = hub.connectionStringOf('iothubowner', 'secondary');
    assert.notEqual(text, ownerText);
    const { responseBody } = await Registry.fromConnectionString(text).list();
    assert.ok(Array.isArray(responseBody));
});

// What each policy may do: registry read, registry write, twin read, twin write, query.
const calls = {
    'read an identity': (client, id) => client.get(`/devices/${id}`),
    'write an identity': (client, id) => client.put(`/devices/${id}`, { deviceId: id },
                                                    { 'If-Match': '*' }),
    'delete an identity': (client) => client.delete(`/devices/${newId('none')}`,
                                                    { 'If-Match': '*' }),
    'read a twin': (client, id) => client.get(`/twins/${id}`),
    'write a twin': (client, id) => client.patch(`/twins/${id}`, { tags: { a: 1 } }),
    query: (client) => client.post('/devices/query', { query: 'SELECT * FROM devices' }),
};
const rights = {
    iothubowner: Object.keys(calls),
    service: ['read a twin', 'write a twin', 'query'],
    device: [],
    registryRead: ['read an identity'],
    registryReadWrite: ['read an identity', 'write an identity', 'delete an identity'],
};
for (const [policy, allowed] of Object.entries(rights)) {
    test(`the policy ${policy} may do what its rights say and nothing else`, async (t) => {
        const { deviceId } = await newDevice(t);
        const client = new Rest(hub, hub.connectionStringOf(policy));
        t.after(() => client.close());
        for (const [what, call] of Object.entries(calls)) {
            const answer = await call(client, deviceId);
            assert.equal(answer.status === 401, !allowed.includes(what),
                         `${policy}: ${what} -> ${answer.status}`);
            if (answer.status === 401) assert.equal(answer.errorName, 'IotHubUnauthorizedAccess');
        }
    });
}

const host = hub.host;
const accepted = {
    'fields in the order of .NET and the CLI': { order: ['sr', 'sig', 'se', 'skn'] },
    'fields in the order of Node': { order: ['sr', 'sig', 'skn', 'se'] },
    'fields in the order of the articles': { order: ['sig', 'se', 'skn', 'sr'] },
    'an expiry in milliseconds, as Node makes it': { expiry: Date.now() },
    'an expiry beyond 63 bits': { expiry: '18446744073709551615' },
    'the resource unescaped': { resource: `${host}/devices`, spelling: spellings.plain },
    'the resource in lower-case hex': { resource: `${host}/devices`, spelling: spellings.lowerHex },
    'the resource in upper-case hex': { resource: `${host}/devices` },
    'a signature in lower-case hex': { signatureSpelling: spellings.lowerHex },
    'a signature with unescaped padding': {
        signatureSpelling: (s) => spellings.upperHex(s).replaceAll('%3D', '=') },
    'the host in upper case': { resource: host.toUpperCase() },
    'the policy name in upper case': { policy: 'IOTHUBOWNER' },
    'an expiry within the permitted skew': { expiry: secondsFromNow(-60) },
};
for (const [what, changes] of Object.entries(accepted)) {
    test(`a service token with ${what} is accepted`, async () => {
        const answer = await rest.get('/devices', { Authorization: rest.token(changes) });
        assert.equal(answer.status, 200, answer.text);
    });
}

test('a service token for exactly one path covers that path only', async (t) => {
    const [device, other] = [await newDevice(t), await newDevice(t)];
    const Authorization = rest.token({ resource: `${host}/devices/${device.deviceId}` });
    const status = async (path) => (await rest.get(path, { Authorization })).status;
    assert.equal(await status(`/devices/${device.deviceId}`), 200);
    assert.equal(await status(`/devices/${device.deviceId}/modules`), 200);
    assert.equal(await status(`/devices/${device.deviceId}0`), 401);
    assert.equal(await status(`/devices/${other.deviceId}`), 401);
    assert.equal(await status(`/twins/${device.deviceId}`), 401);
});

const good = rest.token();
const refused = {
    'no token at all': undefined,
    'an empty token': '',
    'another scheme': 'Basic aGVsbG86d29ybGQ=',
    'a scheme without fields': 'SharedAccessSignature',
    'no resource': good.replace(/sr=[^&]*&/, ''),
    'no signature': good.replace(/sig=[^&]*&/, ''),
    'no expiry': good.replace(/&se=[^&]*/, ''),
    'an expiry that is no number': good.replace(/se=\d+/, 'se=tomorrow'),
    'an expiry changed after signing': good.replace(/se=\d+/, `se=${secondsFromNow(9000)}`),
    'a resource changed after signing': good.replace(`sr=${host}`, `sr=${host.toUpperCase()}`),
    'a signature that is not base64': good.replace(/sig=[^&]*/, 'sig=%00%ff%'),
    'a short signature': good.replace(/sig=[^&]*/, 'sig=AAAA'),
    'an expiry beyond the skew': rest.token({ expiry: secondsFromNow(-400) }),
    'an empty policy name': good.replace(/skn=[^&]*/, 'skn='),
    'a token of 16 KB': `SharedAccessSignature sr=${'a'.repeat(16000)}`,
};
for (const [what, Authorization] of Object.entries(refused)) {
    test(`a service call with ${what} is refused`, async () => {
        const answer = await rest.get('/devices', { Authorization });
        assert.ok([401, 431].includes(answer.status), `${answer.status}`);
        if (answer.status === 401) {
            assert.equal(answer.headers['iothub-errorcode'], 'IotHubUnauthorizedAccess');
            assert.equal(answer.errorName, 'IotHubUnauthorizedAccess');
        }
    });
}

test("a device's own token opens no service path", async (t) => {
    const device = await newDevice(t);
    const resource = `${host}/devices/${device.deviceId}`;
    const Authorization = sasToken({ resource, key: keyOf(device) });
    for (const path of ['/devices', `/devices/${device.deviceId}`, `/twins/${device.deviceId}`])
        assert.equal((await rest.get(path, { Authorization })).status, 401, path);
});

test('an answer never repeats the token or the key', async () => {
    const Authorization = rest.token({ key: randomKey() });
    const answer = await rest.get('/devices', { Authorization });
    assert.equal(answer.status, 401);
    assert.ok(!answer.text.includes('sig='));
});
