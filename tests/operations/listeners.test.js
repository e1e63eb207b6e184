// Where and how the hub listens.
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:tls';
import { test } from 'node:test';
import { Hub } from '../end_to_end/lib/hub.js';
import { credentials, RawMqtt } from '../end_to_end/lib/raw_mqtt.js';
import { parseConnectionString, sasToken } from '../end_to_end/lib/sas.js';
import { nextEvent, until, withDeadline } from '../end_to_end/lib/wait.js';
import { isRunning, later, newDevice, newFolder, newHub, refusedStart } from './lib/operator.js';

function token(hub, resource = hub.host) {
    const { SharedAccessKeyName: policy, SharedAccessKey: key } =
        parseConnectionString(hub.connectionString);
    return sasToken({ resource, policy, key });
}

function getPlain(port, path, headers) {
    return withDeadline(new Promise((resolve, reject) => {
        const sent = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false }, (answer) => {
            let body = '';
            answer.on('data', (data) => { body += data; });
            answer.on('end', () => resolve({ status: answer.statusCode, body }));
        });
        sent.on('error', reject);
        sent.end();
    }), `GET ${path} without TLS`);
}

test('names in hub.aliases are certified, and accepted by both doors', async (t) => {
    const hub = await newHub(t, { arguments: ['--hub-aliases', 'twins.example,TWINS.lan'] });
    for (const servername of ['localhost', 'twins.example', 'twins.lan']) {
        const socket = connect({ host: '127.0.0.1', port: hub.httpsPort, servername, ca: hub.ca });
        t.after(() => socket.destroy());
        await nextEvent(socket, 'secureConnect');
        assert.ok(socket.authorized, servername);
    }
    const strange = connect({ host: '127.0.0.1', port: hub.httpsPort, servername: 'else.example',
                              ca: hub.ca });
    const [error] = await nextEvent(strange, 'error');
    assert.equal(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
    // A token and a user name that say the alias.
    const device = await newDevice(hub, 'press');
    const client = await RawMqtt.connect(hub, credentials({ host: 'twins.example' }, device),
                                         { servername: 'twins.example' });
    t.after(() => client.destroy());
    await client.ping();
});

test('IPv4 and IPv6, both doors', async (t) => {
    const hub = await newHub(t);
    const device = await newDevice(hub, 'press');
    for (const address of ['127.0.0.1', '::1']) {
        const client = await RawMqtt.connect({ ...hub, ca: hub.ca, address },
                                             credentials(hub, device));
        await client.ping();
        client.destroy();
        const socket = connect({ host: address, port: 443, servername: 'localhost', ca: hub.ca });
        await nextEvent(socket, 'secureConnect');
        socket.destroy();
    }
});

test('IPv6 alone serves the command line', async (t) => {
    const hub = await newHub(t, { settings: 'listen:\n  addresses: ["::1"]\n' });
    const answer = await hub.run('device-identity', 'create', '-d', 'press');
    assert.equal(answer.code, 0, answer.err);
});

test('plain HTTP for a proxy in front, when it is asked for', async (t) => {
    const hub = await newHub(t, { arguments: ['--listen-plain-http-port', '8080'] });
    const path = '/devices?api-version=2021-04-12';
    const good = await getPlain(8080, path, { Host: 'localhost', Authorization: token(hub) });
    assert.equal(good.status, 200);
    assert.deepEqual(JSON.parse(good.body), []);
    const bad = await getPlain(8080, path, { Host: 'localhost' });
    assert.equal(bad.status, 401, 'it needs a token as any');
});

test('plain HTTP is closed by default', async (t) => {
    await newHub(t);
    await assert.rejects(getPlain(8080, '/', {}), /ECONNREFUSED/);
});

test('port 0 takes a free port and tells which', async (t) => {
    const hub = new Hub(newFolder(t), { httpsPort: 0, mqttPort: 0, metricsPort: 0 });
    later(t, async () => { if (isRunning(hub)) await hub.kill(); });
    hub.spawn();
    const ready = await until(() => /server\.ready .*https_port=(\d+) mqtt_port=(\d+) (?:amqp_port=\d+ )?metrics_port=(\d+)/
        .exec(hub.log()), 'server.ready');
    const [httpsPort, mqttPort, metricsPort] = ready.slice(1).map(Number);
    assert.equal(new Set([httpsPort, mqttPort, metricsPort, 0]).size, 4);
    Object.assign(hub, { httpsPort, mqttPort, metricsPort });
    assert.equal(await hub.status('/readyz'), 200);
    const device = await newDevice(hub, 'press');
    const client = await RawMqtt.connect(hub, credentials(hub, device));
    t.after(() => client.destroy());
    await client.ping();
});

test('a port that is taken is named', async (t) => {
    await newHub(t);
    const second = new Hub(newFolder(t), { metricsPort: 9465 });
    const { code, text } = await refusedStart(second);
    assert.equal(code, 1);
    assert.match(text, /port (443|8883): Address already in use/);
});

test('doors that are off stay closed', async (t) => {
    const hub = await newHub(t, { mqttPort: 'off' });
    const socket = connect({ host: '127.0.0.1', port: 8883 });
    const [error] = await nextEvent(socket, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
    await newDevice(hub, 'press');
});

test('TLS 1.1 is refused, 1.2 and 1.3 are taken', async (t) => {
    const hub = await newHub(t);
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
        const socket = connect({ host: '127.0.0.1', port: 8883, servername: 'localhost', ca: hub.ca,
                                 minVersion: version, maxVersion: version });
        await nextEvent(socket, 'secureConnect');
        assert.equal(socket.getProtocol(), version);
        socket.destroy();
    }
    const old = connect({ host: '127.0.0.1', port: 8883, servername: 'localhost', ca: hub.ca,
                          minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1',
                          ciphers: 'ALL:@SECLEVEL=0' });
    const [error] = await nextEvent(old, 'error');
    assert.ok(error.code, String(error));
});
