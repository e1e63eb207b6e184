// What an operator sees: health, metrics, logs. And what nobody may see in them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentials, packets, RawMqtt, topics, types } from '../end_to_end/lib/raw_mqtt.js';
import { randomKey } from '../end_to_end/lib/sas.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { until } from '../end_to_end/lib/wait.js';
import { ask, metric, metrics, newDevice, newHub, reload } from './lib/operator.js';

async function page(hub, path) {
    const answer = await fetch(`http://127.0.0.1:${hub.metricsPort}${path}`);
    return { status: answer.status, type: answer.headers.get('content-type'),
             text: await answer.text() };
}

test('/healthz and /readyz', async (t) => {
    const hub = await newHub(t);
    assert.deepEqual([(await page(hub, '/healthz')).status, (await page(hub, '/healthz')).text],
                     [200, 'ok\n']);
    assert.deepEqual([(await page(hub, '/readyz')).status, (await page(hub, '/readyz')).text],
                     [200, 'ready\n']);
    assert.equal((await page(hub, '/elsewhere')).status, 404);
});

test('/readyz tells of the start until devices may come', async (t) => {
    const hub = await newHub(t, { wait: false });
    const told = new Set();
    await until(async () => {
        const answer = await page(hub, '/readyz').catch(() => undefined);
        if (answer) told.add(`${answer.status} ${answer.text}`);
        return answer?.status === 200;
    }, 'the hub to be ready');
    for (const each of told)
        assert.match(each, /^(503 starting: \d+ of \d+ twins read|503 not ready|200 ready)\n$/);
});

test('the listener for metrics is on the loopback address alone', async (t) => {
    const hub = await newHub(t);
    const listening = readFileSync(`/proc/${hub.process.pid}/net/tcp`, 'utf8').split('\n')
        .map((line) => line.trim().split(/\s+/)).filter((words) => words[3] === '0A')
        .map((words) => words[1]).filter((address) => address.endsWith((9464).toString(16).toUpperCase()));
    assert.deepEqual(listening, ['0100007F:24F8']);
});

test('the metrics of the specification are there, in Prometheus\' form', async (t) => {
    const hub = await newHub(t);
    const { type, text } = await page(hub, '/metrics');
    assert.match(type, /^text\/plain; version=0\.0\.4/);
    for (const name of ['twin_ops_total', 'twin_query_seconds', 'twin_devices_connected',
                        'twin_notifications_total', 'twin_section_bytes'])
        assert.match(text, new RegExp(`^# TYPE ${name} (counter|gauge|histogram)$`, 'm'), name);
    for (const side of ['device', 'service'])
        for (const op of ['read', 'update'])
            for (const result of ['success', 'failure'])
                assert.ok(text.includes(`twin_ops_total{op="${op}",result="${result}",side="${side}"}`));
    assert.match(text, /^twin_notifications_total\{result="\w+"\} 0$/m);
    // Every sample belongs to a family that says what it is.
    const families = new Set([...text.matchAll(/^# HELP (\w+) \S/gm)].map((match) => match[1]));
    for (const [, name] of text.matchAll(/^(\w+)[{ ]/gm))
        assert.ok(families.has(name.replace(/_(bucket|sum|count)$/, '')) || families.has(name), name);
});

test('metrics count what happens', async (t) => {
    const hub = await newHub(t);
    const device = await newDevice(hub, 'press');
    const client = await RawMqtt.connect(hub, credentials(hub, device));
    t.after(() => client.destroy());
    await client.subscribe(topics.results);
    await client.subscribe(topics.desired, { id: 2 });
    await client.getTwin();
    await client.report({ speed: 1 });
    assert.equal((await client.report({ speed: 3 }, 999)).status, 412);
    await ask(hub, 'PATCH', '/twins/press', { body: { properties: { desired: { speed: 2 } } } });
    await client.published.take((message) => message.topic.includes('/desired/'), 'the notification');
    const now = await metrics(hub);
    for (const sample of ['twin_devices_connected 1', 'mqtt_connections 1',
                          'twin_ops_total{op="read",result="success",side="device"} 1',
                          'twin_ops_total{op="update",result="success",side="device"} 1',
                          'twin_ops_total{op="update",result="failure",side="device"} 1',
                          'twin_ops_total{op="update",result="success",side="service"} 1'])
        assert.ok(now.includes(`${sample}\n`), sample);
    await client.disconnect();
    await until(async () => await metric(hub, 'twin_devices_connected') === 0, 'no device');
});

for (const format of ['text', 'json'])
    test(`no key, token or value of a twin is in the ${format} log at level debug`, async (t) => {
        const hub = await newHub(t, { arguments: ['--log-level', 'debug', '--log-format', format] });
        const secrets = [];
        const keep = (text) => { secrets.push(text); return text; };
        const value = keep('very-private-value');
        const rest = new Rest(hub);
        const keys = { primaryKey: keep(randomKey()), secondaryKey: keep(randomKey()) };
        await rest.put('/devices/press', { deviceId: 'press', authentication: { symmetricKey: keys } });
        const { json } = await rest.put('/devices/made', { deviceId: 'made' });
        Object.values(json.authentication.symmetricKey).forEach(keep);
        const module = await rest.put('/devices/press/modules/motor',
                                      { deviceId: 'press', moduleId: 'motor' });
        Object.values(module.json.authentication.symmetricKey).forEach(keep);
        await rest.patch('/twins/press', { tags: { note: value }, properties: { desired: { note: value } } });
        await rest.patch('/twins/press', `{"properties":{"desired":{"${value}.x":1}}}`);
        await rest.put('/devices/press', `{"deviceId":"press","authentication":"${keys.primaryKey}"`);
        await rest.post('/devices/keys/regenerate', { policyKey: 'primaryKey', devices: [{ id: 'made' }] });
        keep((await rest.get('/devices/made')).json.authentication.symmetricKey.primaryKey);
        const wrong = keep(randomKey());
        const token = rest.token({ key: wrong });
        keep(/sig=([^&]+)/.exec(token)[1]);
        await rest.get('/devices', { Authorization: token });
        await rest.get('/devices', { Authorization: `Bearer ${value}` });
        keep(/sig=([^&]+)/.exec(rest.token())[1]);
        await rest.get(`/devices/${encodeURIComponent('press')}?api-version=x${value}`);
        rest.close();
        const as = (key) => credentials(hub, { deviceId: 'press', key });
        const client = await RawMqtt.connect(hub, as(keys.primaryKey));
        keep(/sig=([^&]+)/.exec(as(keys.primaryKey).password)[1]);
        await client.subscribe(topics.results);
        await client.getTwin();
        await client.report({ note: value });
        await client.report({ [`${value}$`]: 1 });
        client.send(packets.publish('devices/press/messages/events/', value, { qos: 1, id: 7 }));
        await client.received.take((packet) => packet.type === types.puback, 'PUBACK');
        await assert.rejects(RawMqtt.connect(hub, as(wrong)));
        client.send(packets.publish(`${value}/topic`, value));
        await client.waitClosed();
        await hub.run('hub', 'policy', 'renew-key', '--policy-name', 'service', '--kt', 'both');
        await reload(hub);
        await hub.stop();
        for (const name of readdirSync(hub.dataFolder).filter((file) => file.endsWith('.key')))
            readFileSync(join(hub.dataFolder, name), 'utf8').split('\n')
                .filter((line) => line.length > 40).forEach(keep);
        for (const [, key] of readFileSync(join(hub.dataFolder, 'policies.yaml'), 'utf8')
            .matchAll(/Key: "(\S+)"/g)) keep(key);
        // The owner's connection string is printed once, to standard output: not a line of the log.
        const log = hub.text().split('\n')
            .filter((line) => !line.trim().startsWith('HostName=')).join('\n');
        assert.match(log, /server\.stopped/);
        for (const secret of secrets)
            for (const spelling of [secret, encodeURIComponent(secret), decodeURIComponent(secret)])
                assert.ok(!log.includes(spelling), `${spelling} in the log`);
    });

test('the log as JSON: one object a line with time, level and event', async (t) => {
    const hub = await newHub(t, { settings: 'log: {format: json, level: debug}\n' });
    await newDevice(hub, 'press');
    writeFileSync(join(hub.dataFolder, 'policies.yaml'), '"quoted\n');
    await reload(hub);
    await hub.stop();
    const lines = hub.text().split('\n').filter((line) => line.startsWith('{'));
    const events = lines.map((line) => JSON.parse(line));
    for (const event of events) {
        assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.ok(['debug', 'info', 'warning', 'error'].includes(event.level), event.level);
        assert.equal(typeof event.event, 'string');
    }
    const names = events.map(({ event }) => event);
    for (const name of ['server.ready', 'server.reload_refused', 'server.stopping', 'server.stopped'])
        assert.ok(names.includes(name), name);
    assert.equal(typeof events.find(({ event }) => event === 'server.ready').https_port, 'number');
});

test('the log as text: one line an event', async (t) => {
    const hub = await newHub(t);
    await hub.stop();
    const lines = hub.text().split('\n').filter((line) => /^\d{4}-/.test(line));
    assert.ok(lines.length >= 3);
    for (const line of lines)
        assert.match(line, /^\S+Z (debug|info|warning|error) +[a-z_]+\.[a-z_]+( [a-z_]+=("[^"\n]*"|\S*))*$/);
});
