// The HTTP of the service door: errors, headers, paths (specification: service-api 1 and 3).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { newDevice, newId, newModule, rest } from './lib/fixture.js';
import { api_version } from './lib/rest.js';

const nobody = 'nobody-at-all';
const json = (body) => ({ body });

// method, path, request, status, name. {d} is an existing device, {m} its module.
const errors = [
    ['GET', `/devices/${nobody}`, {}, 404, 'DeviceNotFound'],
    ['GET', `/devices/${nobody}/modules`, {}, 404, 'DeviceNotFound'],
    ['GET', `/devices/${nobody}/modules/m`, {}, 404, 'DeviceNotFound'],
    ['GET', '/devices/{d}/modules/none', {}, 404, 'ModuleNotFound'],
    ['GET', `/twins/${nobody}`, {}, 404, 'DeviceNotFound'],
    ['GET', '/twins/{d}/modules/none', {}, 404, 'DeviceNotFound'],
    ['PATCH', `/twins/${nobody}`, json({ tags: { a: 1 } }), 404, 'DeviceNotFound'],
    ['PUT', `/twins/${nobody}`, json({ tags: { a: 1 } }), 404, 'DeviceNotFound'],
    ['PUT', '/devices/{d}', json({ deviceId: '{d}' }), 409, 'DeviceAlreadyExists'],
    ['PUT', `/devices/${nobody}`,
     { body: { deviceId: nobody }, headers: { 'If-Match': '*' } }, 404, 'DeviceNotFound'],
    ['PUT', '/devices/other', json({ deviceId: 'another' }), 400, 'ArgumentInvalid'],
    ['PUT', '/devices/sp%20ace', json({ deviceId: 'sp ace' }), 400, 'ArgumentInvalid'],
    ['PUT', '/devices/bad', json('{"deviceId":'), 400, 'IotHubFormatError'],
    ['PUT', '/devices/bad', json('[]'), 400, 'IotHubFormatError'],
    ['PUT', '/devices/bad', json({ deviceId: 'bad', status: 'asleep' }), 400, 'ArgumentInvalid'],
    ['PUT', '/devices/bad',
     json({ deviceId: 'bad', statusReason: 'r'.repeat(129) }), 400, 'ArgumentInvalid'],
    ['PUT', '/devices/{d}/modules/{m}',
     json({ deviceId: '{d}', moduleId: '{m}' }), 409, 'ModuleAlreadyExistsOnDevice'],
    ['PUT', `/devices/${nobody}/modules/m`,
     json({ deviceId: nobody, moduleId: 'm' }), 404, 'DeviceNotFound'],
    ['DELETE', '/devices/{d}', {}, 412, 'PreconditionFailed'],
    ['DELETE', `/devices/${nobody}`, { headers: { 'If-Match': '*' } }, 404, 'DeviceNotFound'],
    ['DELETE', '/devices/{d}', { headers: { 'If-Match': '"c3RhbGU="' } }, 412, 'PreconditionFailed'],
    ['PATCH', '/twins/{d}',
     { body: { tags: { a: 1 } }, headers: { 'If-Match': '"AAAAAAAAAAk="' } }, 412, 'PreconditionFailed'],
    ['PATCH', '/twins/{d}', json('not json'), 400, 'IotHubFormatError'],
    ['PATCH', '/twins/{d}', json('[1]'), 400, 'IotHubFormatError'],
    ['PATCH', '/twins/{d}', json({ tags: 'text' }), 400, 'ArgumentInvalid'],
    ['PATCH', '/twins/{d}', json({ tags: { 'a.b': 1 } }), 400, 'ArgumentInvalid'],
    ['PATCH', '/twins/{d}', json({ properties: { desired: [1] } }), 400, 'ArgumentInvalid'],
    ['PATCH', '/twins/{d}', json('{"tags":{"a":1,"a":2}}'), 400, undefined],
    ['POST', '/devices', json({ id: 'x' }), 400, 'IotHubFormatError'],
    ['POST', '/devices/query', json({ query: 'SELECT' }), 400, 'ArgumentInvalid'],
    ['GET', '/devices', { headers: { Authorization: undefined } }, 401, 'IotHubUnauthorizedAccess'],
    ['GET', '/devices', { headers: { Authorization: 'Bearer x.y.z' } }, 401, 'IotHubUnauthorizedAccess'],
    ['PATCH', '/twins/{d}', { body: '{"tags":{"a":1}}', headers: { 'Content-Type': 'text/plain' } },
     415, 'GenericUnsupportedMediaType'],
    ['GET', '/devices?top=5', {}, 400, 'InvalidProtocolVersion'],
    ['GET', '/devices?api-version=', {}, 400, 'InvalidProtocolVersion'],
    ['GET', '/devices?api-version=latest', {}, 400, 'InvalidProtocolVersion'],
    ['GET', '/devices?api-version=2021-13-45x', {}, 400, 'InvalidProtocolVersion'],
];
test('what the hub does not offer is refused by name', async () => {
    for (const [method, path, feature] of [
        ['GET', '/digitaltwins/d', 'digital twin models'],
    ]) {
        const answer = await rest.send(method, path);
        assert.equal(answer.status, 404);
        assert.equal(answer.json.Message, `ErrorCode:GenericNotFound;This hub does not offer ${feature}`);
    }
});

for (const [method, path, request, status, name] of errors) {
    const detail = JSON.stringify(request.body ?? request.headers ?? '').slice(0, 50);
    test(`${method} ${path} ${detail} answers ${status} ${name ?? ''}`, async (t) => {
        const device = await newDevice(t);
        const module = await newModule(t, device);
        const fill = (value) => value.replaceAll('{d}', device.deviceId)
            .replaceAll('{m}', module.moduleId);
        const body = request.body === undefined ? undefined
            : fill(typeof request.body === 'string' ? request.body : JSON.stringify(request.body));
        const answer = await rest.send(method, fill(path), { ...request, body });
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.headers['content-type'], /^application\/json; *charset=utf-8$/i);
        assert.match(answer.json.Message, /^ErrorCode:[A-Za-z0-9]+;[^;]+$/);
        assert.match(answer.json.ExceptionMessage,
                     /^Tracking ID:[0-9a-fA-F]{32}-G:\d+-TimeStamp:\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/);
        assert.equal(answer.headers['iothub-errorcode'], answer.errorName);
        assert.ok(!('iothuberrorcode' in answer.headers));
        assert.match(answer.headers['x-ms-request-id'], /^[0-9a-f-]{36}$/i);
        if (name) assert.equal(answer.errorName, name);
    });
}

test('a path that nobody serves is 404, a method that nobody serves there 404 or 405', async () => {
    assert.equal((await rest.get('/gardens')).status, 404);
    assert.equal((await rest.get('/')).status, 404);
    assert.ok([404, 405].includes((await rest.patch('/devices', {})).status));
    assert.ok([404, 405].includes((await rest.delete(`/twins/${newId()}`)).status));
});

test('every listed api-version works, and unlisted ones of the right form', async () => {
    for (const version of [
        '2016-11-14', '2018-04-01', '2018-06-30', '2019-03-30', '2019-10-01', '2020-03-13',
        '2020-05-31-preview', '2020-09-30', '2021-04-12', '2024-03-31', '2031-01-01',
        '2031-01-01-preview'])
        assert.equal((await rest.get(`/devices?api-version=${version}`)).status, 200, version);
});

test('answers about one thing carry its etag quoted', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    for (const path of [`/devices/${device.deviceId}`, `/twins/${device.deviceId}`,
                        `/devices/${device.deviceId}/modules/${module.moduleId}`,
                        `/twins/${device.deviceId}/modules/${module.moduleId}`]) {
        const answer = await rest.get(path);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.etag, `"${answer.json.etag}"`, path);
        assert.match(answer.headers['content-type'], /^application\/json; *charset=utf-8$/i);
        assert.match(answer.headers['x-ms-request-id'], /^[0-9a-f-]{36}$/i);
    }
    for (const answer of [
        await rest.patch(`/twins/${device.deviceId}`, { tags: { a: 1 } }),
        await rest.put(`/twins/${device.deviceId}`, { tags: { a: 1 } }),
        await rest.put(`/devices/${device.deviceId}`, device, { 'If-Match': '*' })]) {
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.etag, `"${answer.json.etag}"`);
    }
});

test('a deletion has no body', async (t) => {
    const device = await newDevice(t);
    const answer = await rest.delete(`/devices/${device.deviceId}`, { 'If-Match': '"*"' });
    assert.equal(answer.status, 204);
    assert.equal(answer.body.length, 0);
});

test('literal parts of a path are read without regard to case', async (t) => {
    const device = await newDevice(t);
    const module = await newModule(t, device);
    for (const path of [
        `/DEVICES/${device.deviceId}`, `/Twins/${device.deviceId}`,
        `/devices/${device.deviceId}/Modules/${module.moduleId}`, '/Statistics/Devices'])
        assert.equal((await rest.get(path)).status, 200, path);
    assert.equal((await rest.post('/Devices/Query', { query: 'SELECT * FROM devices' })).status, 200);
});

test('a collection may end in a slash, and the query may be in any order', async () => {
    for (const path of ['/devices/', `/devices?top=2&api-version=${api_version}`,
                        `/devices/?api-version=${api_version}&top=2&unknown=%20x`])
        assert.equal((await rest.get(path)).status, 200, path);
});

test('an id in a path is decoded exactly once, and a plus is a plus', async (t) => {
    const base = newId('esc');
    for (const deviceId of [`${base}%41`, `${base}+b`, `${base}#c`, `${base}?d`, `${base}%`]) {
        await newDevice(t, { deviceId });
        const answer = await rest.get(`/devices/${encodeURIComponent(deviceId)}`);
        assert.equal(answer.json.deviceId, deviceId);
    }
    const plus = await rest.get(`/devices/${base}+b`);
    assert.equal(plus.json.deviceId, `${base}+b`);
});

test('compression is used only when it is asked for', async () => {
    const plain = await rest.get('/devices');
    assert.ok(!('content-encoding' in plain.headers));
    const asked = await rest.get('/devices', { 'Accept-Encoding': 'gzip, deflate' });
    const encoding = asked.headers['content-encoding'];
    assert.ok(encoding === undefined || encoding === 'gzip');
    const bytes = encoding === 'gzip' ? gunzipSync(asked.body) : asked.body;
    assert.ok(Array.isArray(JSON.parse(bytes)));
});

test('a client request id comes back', async () => {
    const answer = await rest.get('/devices', { 'x-ms-client-request-id': 'abc-123' });
    assert.equal(answer.headers['x-ms-client-request-id'], 'abc-123');
});

test('a byte order mark and a missing charset are tolerated', async (t) => {
    const device = await newDevice(t);
    const answer = await rest.patch(`/twins/${device.deviceId}`, '\ufeff{"tags":{"a":1}}',
                                    { 'Content-Type': 'application/json' });
    assert.equal(answer.status, 200);
});

test('Expect: 100-continue is answered', async (t) => {
    const device = await newDevice(t);
    const answer = await rest.patch(`/twins/${device.deviceId}`, { tags: { a: 1 } },
                                    { Expect: '100-continue' });
    assert.equal(answer.status, 200);
});
