// Hostile HTTP and WebSocket on the service door (specification: service-api 1 and 3,
// device-protocols 1.1).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

const query = '?api-version=2021-04-12';
const refusals = [400, 404, 405, 408, 411, 413, 414, 417, 431, 501, 505, 'closed'];

function request(harness, { method = 'GET', path = `/devices${query}`, headers = '', body = '',
                            version = 'HTTP/1.1' } = {}) {
    return `${method} ${path} ${version}\r\nHost: localhost\r\n`
        + `Authorization: ${harness.rest.token()}\r\n${headers}\r\n${body}`;
}

const json = 'Content-Type: application/json\r\n';
const patch = (harness, body, extra = '') => request(harness, {
    method: 'PATCH', path: `/twins/target${query}`, body,
    headers: `${json}Content-Length: ${Buffer.byteLength(body)}\r\n${extra}` });

// Raw bytes, and the statuses that are right.
const raw = {
    'random bytes': [() => randomBytes(20000), refusals],
    'an unknown method': [(h) => request(h, { method: 'BREW' }), refusals],
    'a method of 10000 letters': [(h) => request(h, { method: 'A'.repeat(10000) }), refusals],
    'HTTP version 9.9': [(h) => request(h, { version: 'HTTP/9.9' }), refusals],
    'no HTTP version': [() => 'GET /devices\r\n\r\n', refusals],
    'a path of 100 KB': [(h) => request(h, { path: `/${'a'.repeat(100_000)}${query}` }), refusals],
    'a zero byte in the path': [(h) => request(h, { path: `/devices/a\0b${query}` }), refusals],
    'a zero byte in a header': [(h) => request(h, { headers: 'X-A: a\0b\r\n' }), refusals],
    'a header without colon': [(h) => request(h, { headers: 'nonsense\r\n' }), refusals],
    'a header of 1 MB': [(h) => request(h, { headers: `X-A: ${'a'.repeat(1 << 20)}\r\n` }), refusals],
    '20000 headers': [(h) => request(h, { headers: 'X-A: a\r\n'.repeat(20000) }), refusals],
    'a negative length': [(h) => request(h, { headers: 'Content-Length: -1\r\n' }), refusals],
    'a length that is no number': [(h) => request(h, { headers: 'Content-Length: ten\r\n' }), refusals],
    'a length beyond 64 bits': [(h) => request(h, {
        method: 'PATCH', headers: `${json}Content-Length: 99999999999999999999999\r\n` }), refusals],
    'two different lengths': [(h) => request(h, {
        method: 'PATCH', headers: `${json}Content-Length: 2\r\nContent-Length: 3\r\n`, body: '{}' }),
        refusals],
    'a length of 300 MB': [(h) => request(h, {
        method: 'PATCH', path: `/twins/target${query}`,
        headers: `${json}Content-Length: 314572800\r\n`, body: '{"tags":' }), [413, 400, 'closed']],
    'a chunk size that is no number': [(h) => request(h, {
        method: 'PATCH', path: `/twins/target${query}`,
        headers: `${json}Transfer-Encoding: chunked\r\n`, body: 'zz\r\n{}\r\n0\r\n\r\n' }), refusals],
    'a chunk size beyond 64 bits': [(h) => request(h, {
        method: 'PATCH', path: `/twins/target${query}`,
        headers: `${json}Transfer-Encoding: chunked\r\n`, body: `${'f'.repeat(40)}\r\n` }), refusals],
    'a chunk without its end': [(h) => request(h, {
        method: 'PATCH', path: `/twins/target${query}`,
        headers: `${json}Transfer-Encoding: chunked\r\n`, body: '2\r\n{}XX0\r\n\r\n' }), refusals],
    'an unknown transfer encoding': [(h) => request(h, {
        method: 'PATCH', headers: `${json}Transfer-Encoding: rot13\r\n`, body: '{}' }), refusals],
    'a path out of the root': [(h) => request(h, { path: `/../../etc/passwd${query}` }), refusals],
    'an MQTT CONNECT': [() => Buffer.from('100c00044d5154540402003c0000', 'hex'), ['closed', 400]],
    'a CONNECT request': [(h) => request(h, { method: 'CONNECT', path: 'example.com:443' }), refusals],
};

// Paths whose escapes are wrong or whose ids are impossible.
const paths = ['/devices/%', '/devices/%4', '/devices/%zz', '/devices/%00', '/devices/%ff%fe',
               '/devices/a%2Fb', '/devices/%2e%2e', '/devices/a/b/c/d', '//devices',
               `/devices/${'a'.repeat(129)}`, '/devices/%ed%a0%80', '/twins/%'];

// Twin patches that have to be answered with 400 or 413 and change nothing.
const bodies = {
    'nothing at all': '', 'a cut object': '{"tags":{', 'a list': '[]', null: 'null',
    'two documents': '{}{}', 'a comma too many': '{"tags":{"a":1},}',
    'a number out of range': '{"tags":{"a":1e999}}', 'duplicate names': '{"tags":{"a":1,"a":2}}',
    'duplicate names by escape': '{"tags":{"a":1,"\\u0061":2}}',
    'the section twice': '{"tags":{"a":1},"tags":{"b":1}}',
    'no UTF-8': Buffer.concat([Buffer.from('{"tags":{"'), Buffer.from([0xff]), Buffer.from('":1}}')]),
    'a lone surrogate escape': '{"tags":{"a":"\\udc00"}}',
    'objects 5000 deep': '{"tags":' + '{"a":'.repeat(5000) + '1' + '}'.repeat(5001),
    'lists 30000 deep': '{"tags":{"a":' + '['.repeat(30000) + ']'.repeat(30000) + '}}',
    'a text of 5000 bytes': JSON.stringify({ tags: { a: 'v'.repeat(5000) } }),
    'a body of 1 MB': JSON.stringify({ tags: { a: 'v'.repeat(1 << 20) } }),
    'a text as tags': '{"tags":"text"}', 'a list as desired': '{"properties":{"desired":[]}}',
    'a number as properties': '{"properties":1}',
};

const upgrade = (lines) => 'GET /$iothub/websocket HTTP/1.1\r\nHost: localhost\r\n'
    + `${lines.join('\r\n')}\r\n\r\n`;
const handshake = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
                   'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Protocol: mqtt'];
const without = (part) => handshake.filter((line) => !line.startsWith(part));

const bad_upgrades = {
    'without a key': without('Sec-WebSocket-Key'),
    'without a version': without('Sec-WebSocket-Version'),
    'of version 8': [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8'],
    'without a subprotocol': without('Sec-WebSocket-Protocol'),
    'with an unknown subprotocol': [...without('Sec-WebSocket-Protocol'), 'Sec-WebSocket-Protocol: chat'],
};

// A masked client frame; `length` may lie.
function frame(first, payload, length = payload.length, masked = true) {
    const mask = masked ? [1, 2, 3, 4] : [];
    const size = length < 126 ? Buffer.from([length])
        : Buffer.concat([Buffer.from([127]), eightBytes(length)]);
    size[0] |= masked ? 128 : 0;
    const body = Buffer.from(payload.map((byte, i) => (masked ? byte ^ mask[i % 4] : byte)));
    return Buffer.concat([Buffer.from([first]), size, Buffer.from(mask), body]);
}

function eightBytes(value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
}

const bad_frames = {
    'that is not masked': frame(0x82, Buffer.from('abc'), 3, false),
    'with reserved bits': frame(0xf2, Buffer.from('abc')),
    'of an unknown kind': frame(0x83, Buffer.from('abc')),
    'of text': frame(0x81, Buffer.from('abc')),
    'of 2^62 bytes': frame(0x82, Buffer.from('abc'), 2n ** 62n),
    'of a ping too long': frame(0x89, Buffer.alloc(126)),
    'of a ping in fragments': frame(0x09, Buffer.from('a')),
    'that continues nothing': frame(0x80, Buffer.from('abc')),
    'with hostile MQTT': frame(0x82, randomHostile()),
};

function randomHostile() { return Buffer.from([0xf0, 0xff, 0xff, 0xff, 0xff, 0xff]); }

export function httpCases() {
    const cases = [];
    const add = (name, run) => cases.push({ name: `HTTP: ${name}`, run });
    const twinOf = async (harness) => {
        const { tags, properties, etag, version } = (await harness.rest.get('/twins/target')).json;
        return { tags, properties, etag, version };
    };

    for (const [what, [make, expected]] of Object.entries(raw))
        add(`${what} is refused`, async (harness) => {
            const wire = await harness.https();
            wire.send(make(harness));
            wire.socket.end();
            const status = await wire.httpStatus();
            assert.ok(expected.includes(status), `answered ${status}`);
            wire.destroy();
        });

    for (const path of paths)
        add(`the path ${path.slice(0, 24)} is refused`, async (harness) => {
            const wire = await harness.https();
            wire.send(request(harness, { path: path + query }));
            const status = await wire.httpStatus();
            assert.ok([400, 404].includes(status), `answered ${status}`);
            assert.match(wire.text, /iothub-errorcode: /i);
            wire.destroy();
        });

    for (const [what, body] of Object.entries(bodies))
        add(`a twin patch of ${what} is refused`, async (harness) => {
            const before = await twinOf(harness);
            const answer = await harness.rest.patch('/twins/target', body);
            assert.ok([400, 413].includes(answer.status), `answered ${answer.status}`);
            assert.equal(answer.headers['iothub-errorcode'], answer.errorName);
            assert.deepEqual(await twinOf(harness), before, 'nothing was stored');
        });

    add('a chunked body without end is cut off', async (harness) => {
        const wire = await harness.https();
        wire.send(request(harness, { method: 'PATCH', path: `/twins/target${query}`,
                                     headers: `${json}Transfer-Encoding: chunked\r\n` }));
        const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x20), Buffer.from('\r\n')]);
        for (let sent = 0; sent < 800 && !wire.ended && wire.text === ''; sent++) {
            const flushed = wire.socket.write(chunk);
            if (!flushed) await Promise.race([
                new Promise((done) => wire.socket.once('drain', done)), wire.closed,
                wire.until((w) => w.text !== '', 'an answer')]);
        }
        assert.ok([413, 'closed'].includes(await wire.httpStatus()));
        wire.destroy();
    });

    add('a request byte by byte is answered', async (harness) => {
        const wire = await harness.https();
        for (const byte of Buffer.from(patch(harness, '{"tags":{}}'))) wire.send(Buffer.from([byte]));
        assert.equal(await wire.httpStatus(), 200);
        wire.destroy();
    });

    add('a request cut at many places, then the end', async (harness) => {
        const whole = patch(harness, '{"tags":{"cut":true}}');
        const before = await twinOf(harness);
        for (let length = 1; length < whole.length; length += 23) {
            const wire = await harness.https();
            wire.socket.end(whole.slice(0, length));
            await wire.waitClosed();
        }
        assert.deepEqual(await twinOf(harness), before, 'nothing was stored');
    });

    add('a hundred requests in one go are answered in order', async (harness) => {
        const wire = await harness.https();
        wire.send(request(harness).repeat(99),
                  request(harness, { headers: 'Connection: close\r\n' }));
        await wire.waitClosed();
        assert.equal(wire.text.match(/HTTP\/1\.1 200/g).length, 100);
    });

    add('a client that asks and never reads does not fill the memory', async (harness) => {
        const wire = await harness.https();
        wire.socket.pause();
        const many = request(harness).repeat(100);
        for (let sent = 0; sent < 300 && wire.socket.writableLength < 1 << 22; sent++) {
            wire.socket.write(many);
            await harness.witness.ping();
        }
        await harness.assertServes();
        wire.destroy();
    });

    for (const [what, lines] of Object.entries(bad_upgrades))
        add(`a WebSocket upgrade ${what} is refused`, async (harness) => {
            const wire = await harness.https();
            wire.send(upgrade(lines));
            const status = await wire.httpStatus();
            assert.ok([400, 404, 426, 'closed'].includes(status), `answered ${status}`);
            wire.destroy();
        });

    for (const [what, bytes] of Object.entries(bad_frames))
        add(`a WebSocket frame ${what} ends the connection`, async (harness) => {
            const wire = await harness.https();
            wire.send(upgrade(handshake));
            assert.equal(await wire.httpStatus(), 101);
            assert.match(wire.text, /sec-websocket-protocol: mqtt\r\n/i);
            wire.send(bytes);
            await wire.waitClosed();
        });

    return cases;
}
