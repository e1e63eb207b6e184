// Events on their way to webhooks, files and MQTT brokers (docs/routes.md).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { createServer as createTcpServer, connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentials, packets, RawMqtt, types } from '../end_to_end/lib/raw_mqtt.js';
import { nextEvent, until } from '../end_to_end/lib/wait.js';
import { authority, serverCertificate } from '../end_to_end/lib/x509.js';
import { ask, later, metric, newDevice, newFolder, newHub, refusedStart } from './lib/operator.js';

const mqtt = createRequire(new URL('../end_to_end/package.json', import.meta.url))('mqtt');
const secret = 'a secret of more than sixteen bytes';

const lines = (file) => existsSync(file)
    ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line)) : [];
const patch = async (hub, deviceId, body) => {
    const answer = await ask(hub, 'PATCH', `/twins/${deviceId}`, { body });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
};
const routesOf = async (hub) => (await ask(hub, 'GET', '/twinhub/routes')).json.routes;

async function freePort() {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address();
    await new Promise((done) => server.close(done));
    return port;
}

// A receiver of CloudEvents that believes nothing: every request is checked, and what it has taken
// outlives the server that took it. `status` says what it answers.
class Receiver {
    static async start(t, folder) {
        const receiver = new Receiver();
        receiver.authority = authority(folder, 'receiver-authority');
        receiver.pair = serverCertificate(receiver.authority, folder, 'localhost');
        receiver.port = await freePort();
        receiver.events = [];
        receiver.mistakes = [];
        receiver.status = () => 204;
        await receiver.listen();
        later(t, () => receiver.die());
        return receiver;
    }

    async listen() {
        this.server = createServer({ cert: this.pair.certificate, key: this.pair.key },
                                   (request, answer) => {
            const pieces = [];
            request.on('data', (piece) => pieces.push(piece));
            request.on('end', () => this.take(request, Buffer.concat(pieces), answer));
        });
        await new Promise((done) => this.server.listen(this.port, '127.0.0.1', done));
    }

    die() {
        this.server.closeAllConnections();
        return new Promise((done) => this.server.close(done));
    }

    take(request, body, answer) {
        const { 'x-twinhub-signature': signature = '', 'x-twinhub-timestamp': time } = request.headers;
        const wanted = Buffer.from(`sha256=${
            createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex')}`);
        const given = Buffer.from(signature);
        if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
            this.mistakes.push(`signature ${signature}`);
        if (Math.abs(Number(time) - Date.now() / 1000) > 60) this.mistakes.push(`timestamp ${time}`);
        if (request.headers['content-type'] !== 'application/cloudevents-batch+json; charset=utf-8')
            this.mistakes.push(request.headers['content-type']);
        const batch = JSON.parse(body);
        for (const event of batch)
            if (event.specversion !== '1.0' || !event.id || !event.source || !event.type)
                this.mistakes.push(`not a CloudEvent: ${JSON.stringify(event)}`);
        const status = this.status(batch);
        // What arrives and is not acknowledged comes again.
        if (status < 300 || status === 599) this.events.push(...batch);
        if (status === 599) return request.destroy();
        answer.writeHead(status).end();
    }

    get ids() { return this.events.map((event) => event.id); }
    get unique() { return [...new Map(this.events.map((event) => [event.id, event])).values()]; }
}

const settingsFor = (receiver, secretFile, more = '') =>
    `outgoing:\n  ca_file: ${receiver.authority.file}\n`
    + 'sinks:\n  - kind: webhook\n    name: hook\n'
    + `    url: https://localhost:${receiver.port}/in?code=hidden\n    secret_file: ${secretFile}\n`
    + 'routes:\n  - name: changes\n    sources: [TwinChangeEvents, DeviceLifecycleEvents]\n'
    + `    sink: hook\n${more}`;

function newSecret(folder) {
    const file = join(folder, 'hook.secret');
    writeFileSync(file, `${secret}\n`, { mode: 0o600 });
    return file;
}

const merged = (target, patchOf) => {
    if (patchOf === null || typeof patchOf !== 'object' || Array.isArray(patchOf)) return patchOf;
    const result = target && typeof target === 'object' && !Array.isArray(target) ? { ...target } : {};
    for (const [name, value] of Object.entries(patchOf)) {
        if (value === null) delete result[name];
        else result[name] = merged(result[name], value);
    }
    return result;
};

// The twins that the events tell of, by device.
function folded(events) {
    const twins = new Map();
    for (const event of events) {
        const { body, properties } = event.data;
        for (const section of Object.values(body.properties ?? {})) delete section.$metadata;
        const id = properties.deviceId;
        if (properties.opType === 'deleteDeviceIdentity') twins.delete(id);
        else if (properties.opType === 'updateTwin') twins.set(id, merged(twins.get(id), body));
        else twins.set(id, body);
    }
    return twins;
}

test('changes reach a webhook through deaths of both, each once by its id', async (t) => {
    const folder = newFolder(t);
    const receiver = await Receiver.start(t, folder);
    const hub = await newHub(t, { folder, settings: settingsFor(receiver, newSecret(folder)) });
    const names = ['d1', 'd2', 'd3'];
    for (const name of names) await newDevice(hub, name);
    let round = 0;
    const change = async () => {
        round += 1;
        for (const name of names)
            await patch(hub, name, round % 3 === 0
                ? { tags: { old: null }, properties: { desired: { n: round } } }
                : { tags: { round, old: `${round}` }, properties: { desired: { deep: { n: round } } } });
    };
    await change();
    await until(() => receiver.unique.length >= 6, 'the first changes');

    await receiver.die();
    await change();
    await hub.kill();
    await hub.start();
    await change();
    await receiver.listen();
    await until(() => receiver.unique.length >= 12, 'the changes of the meantime', 60_000);

    // Answers that do not arrive: what was taken comes again, with the same id.
    let cut = 2;
    receiver.status = () => (cut-- > 0 ? 599 : 204);
    await change();
    await change();
    await hub.kill();
    await hub.start();
    await ask(hub, 'DELETE', '/devices/d3', { headers: { 'if-match': '*' } });
    await until(() => receiver.unique.length >= 19, 'all changes', 60_000);
    assert.equal(receiver.unique.length, 19);
    assert.deepEqual(receiver.mistakes, []);

    // In order for each device, and nothing between two of them is missing.
    for (const name of names) {
        const versions = receiver.unique.filter((event) => event.data.properties.deviceId === name
            && event.data.properties.opType !== 'deleteDeviceIdentity')
            .map((event) => event.data.body.version);
        assert.deepEqual(versions, versions.map((_, index) => index + 2), name);
    }
    const twins = folded(receiver.unique);
    assert.deepEqual([...twins.keys()].sort(), ['d1', 'd2']);
    for (const [name, twin] of twins) {
        const now = (await ask(hub, 'GET', `/twins/${name}`)).json;
        delete now.properties.desired.$metadata;
        assert.deepEqual(twin.tags, now.tags);
        assert.deepEqual(twin.properties.desired, now.properties.desired);
        assert.equal(twin.version, now.version);
    }
    await until(async () => (await routesOf(hub))[0].lagCommits === 0, 'no lag');
    const [route] = await routesOf(hub);
    assert.equal(route.deadLetters + route.lost, 0);
    for (const hidden of ['code=hidden', secret]) assert.ok(!hub.text().includes(hidden));
});

test('an event that is refused is put aside, and the rest goes on', async (t) => {
    const folder = newFolder(t);
    const receiver = await Receiver.start(t, folder);
    receiver.status = (batch) => (batch.some((event) => event.data.body.tags?.bad) ? 422 : 204);
    const hub = await newHub(t, { folder, settings: settingsFor(
        receiver, newSecret(folder), '    condition: opType = \'updateTwin\'\n') });
    await newDevice(hub, 'd1');
    for (const tags of [{ n: 1 }, { bad: true }, { bad: null, n: 2 }]) await patch(hub, 'd1', { tags });
    await until(() => receiver.unique.length === 2, 'the good ones', 30_000);
    const graves = join(hub.dataFolder, 'dead-letters', 'changes.jsonl');
    await until(() => lines(graves).length === 1, 'the bad one');
    const [dead] = lines(graves);
    assert.deepEqual(dead.data.body.tags, { bad: true });
    assert.equal(dead.data.properties['x-twinhub-dead-letter-route'], 'changes');
    assert.match(dead.data.properties['x-twinhub-dead-letter-reason'], /status 422/);
    assert.equal(await metric(hub, 'route_dead_letters_total{route="changes"}'), 1);
    await until(async () => await metric(hub, 'route_lag_changes{route="changes"}') === 0, 'no lag');
});

test('a dead sink holds up neither commits nor other routes', async (t) => {
    const folder = newFolder(t);
    const file = join(folder, 'events.jsonl');
    const receiver = await Receiver.start(t, folder);
    await receiver.die();
    const hub = await newHub(t, { folder, settings: settingsFor(receiver, newSecret(folder),
        '  - name: archive\n    sources: DeviceLifecycleEvents\n    sink: file\n'
        + '    project: [$body.deviceId, opType]\n')
        .replace('routes:', `  - kind: file\n    name: file\n    path: ${file}\nroutes:`) });
    for (let i = 0; i < 5; ++i) await newDevice(hub, `d${i}`);
    await until(() => lines(file).length === 5, 'the file');
    assert.deepEqual(lines(file)[0].data.body, { deviceId: 'd0', opType: 'createDeviceIdentity' });
    const [dead, archive] = await until(async () => {
        const routes = await routesOf(hub);
        return routes[0].state === 'retrying' ? routes : undefined;
    }, 'the retry');
    assert.ok(dead.lagCommits > 0 && dead.failures > 0 && dead.lastFailure.includes('localhost'));
    assert.equal(archive.deadLetters, 0);
    await until(async () => (await routesOf(hub))[1].lagCommits === 0, 'the archive to be done');
    await until(async () => await metric(hub, 'route_lag_seconds{route="changes"}') > 0, 'the lag');
    const trial = await ask(hub, 'POST', '/twinhub/routes/test', { body: {
        routingSource: 'DeviceLifecycleEvents',
        message: { body: { deviceId: 'x' }, appProperties: { opType: 'createDeviceIdentity' } } } });
    assert.deepEqual(trial.json.routes.map((route) => [route.name, route.result]),
                     [['changes', 'true'], ['archive', 'true']]);
});

test('messages of devices take the routes whose conditions they meet', async (t) => {
    const folder = newFolder(t);
    const file = join(folder, 'hot.jsonl');
    const hub = await newHub(t, { folder, settings:
        `sinks:\n  - kind: file\n    name: hot\n    path: ${file}\n`
        + 'routes:\n  - name: hot\n    sources: DeviceMessages\n    sink: hot\n'
        + '    condition: level = \'hot\' AND $body.temp > 20 AND $twin.tags.site = \'EU\'\n' });
    const device = await newDevice(hub, 'd1');
    await patch(hub, 'd1', { tags: { site: 'EU' } });
    const client = await RawMqtt.connect(hub, credentials(hub, device));
    later(t, () => client.destroy());
    const json = '%24.ct=application%2Fjson&%24.ce=utf-8';
    let id = 0;
    for (const [bag, payload] of [[`level=hot&${json}`, '{"temp":21}'], [`level=hot&${json}`, '{"temp":1}'],
                                  [`level=cold&${json}`, '{"temp":30}'], ['level=hot', '{"temp":30}']]) {
        id += 1;
        client.send(packets.publish(`devices/d1/messages/events/${bag}`, payload, { qos: 1, id }));
        await client.received.take((packet) => packet.type === types.puback, 'PUBACK');
    }
    await until(() => lines(file).length === 1, 'the hot one');
    const [event] = lines(file);
    assert.equal(event.type, 'twinhub.device.telemetry');
    assert.deepEqual(event.data.body, { temp: 21 });
    assert.equal(event.data.properties.level, 'hot');
    await until(async () => (await routesOf(hub))[0].undefined === 1, 'the one that cannot be decided');
});

test('what passes by waits for its sink through deaths of both', async (t) => {
    const folder = newFolder(t);
    const receiver = await Receiver.start(t, folder);
    const hub = await newHub(t, { folder, settings: settingsFor(receiver, newSecret(folder))
        .replace('[TwinChangeEvents, DeviceLifecycleEvents]',
                 '[DeviceMessages, DeviceConnectionStateEvents, DriftChangeEvents]') });
    const device = await newDevice(hub, 'd1');
    await receiver.die();
    const client = await RawMqtt.connect(hub, credentials(hub, device));
    for (let id = 1; id <= 20; ++id) {
        client.send(packets.publish('devices/d1/messages/events/', `${id}`, { qos: 1, id }));
        await client.received.take((packet) => packet.type === types.puback, 'PUBACK');
    }
    await patch(hub, 'd1', { properties: { desired: { interval: 5 } } });
    // The connection, the messages and the drift are on disk.
    await until(async () => (await routesOf(hub))[0].waiting >= 22, 'the events to wait');
    client.destroy();
    await hub.kill();
    await hub.start();
    await receiver.listen();
    await until(() => receiver.unique.length >= 22, 'what waited', 60_000);
    const messages = receiver.unique.filter((event) => event.type === 'twinhub.device.telemetry');
    assert.deepEqual(messages.map((event) => Buffer.from(event.data.bodyBase64, 'base64').toString()),
                     Array.from({ length: 20 }, (_, index) => `${index + 1}`));
    assert.equal(receiver.unique[0].type, 'twinhub.device.connected');
    const drift = receiver.unique.find((event) => event.type === 'twinhub.drift.changed');
    assert.equal(drift.subject, 'devices/d1');
    await until(async () => (await routesOf(hub))[0].waiting === 0, 'nothing to wait');
    assert.equal((await routesOf(hub))[0].lost, 0);
    assert.deepEqual(receiver.mistakes, []);
});

test('how work stands reaches a sink, and drift names who wants what', async (t) => {
    const folder = newFolder(t);
    const file = join(folder, 'work.jsonl');
    const hub = await newHub(t, { folder, settings:
        `sinks:\n  - kind: file\n    name: work\n    path: ${file}\n`
        + 'routes:\n  - name: work\n    sources: [JobEvents, ConfigurationEvents]\n    sink: work\n' });
    await newDevice(hub, 'd1');
    await newDevice(hub, 'd2');
    const job = await ask(hub, 'PUT', '/jobs/v2/site', { body: {
        type: 'scheduleUpdateTwin', queryCondition: 'deviceId = \'d1\'',
        updateTwin: { etag: '*', tags: { site: 'EU' } } } });
    assert.equal(job.status, 200, job.text);
    const made = await ask(hub, 'PUT', '/configurations/base', { body: {
        id: 'base', targetCondition: 'tags.site = \'EU\'', priority: 3,
        content: { deviceContent: { 'properties.desired.interval': 5 } } } });
    assert.equal(made.status, 200, made.text);
    const of = (type) => lines(file).filter((event) => event.type === type);
    await until(() => of('twinhub.job.completed').length === 1
        && of('twinhub.configuration.completed').length >= 1, 'the ends of both', 30_000);
    assert.equal(of('twinhub.job.started').length, 1);
    const [done] = of('twinhub.job.completed');
    assert.equal(done.subject, 'jobs/site');
    assert.equal(done.data.body.succeeded, 1);
    assert.equal(of('twinhub.configuration.completed')[0].subject, 'configurations/base');
    await until(async () => (await ask(hub, 'GET', '/twins/d1')).json.properties.desired.interval === 5,
                'the configuration');
    const { json: drift } = await ask(hub, 'GET', '/twins/d1/drift');
    const interval = drift.properties.find((property) => property.path === 'interval');
    assert.deepEqual(interval.wantedBy.map((wish) => [wish.configuration, wish.value, wish.wins]),
                     [['base', 5, true]]);
    assert.equal(interval.by.kind, 'configuration');
});

// Debian's mosquitto on a port of its own.
async function newBroker(t, folder) {
    const port = await freePort();
    const config = join(folder, 'mosquitto.conf');
    writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
    const broker = { port };
    broker.start = async () => {
        broker.process = spawn('/usr/sbin/mosquitto', ['-c', config], { stdio: 'ignore' });
        await until(() => new Promise((done) => {
            const socket = connectTcp(port, '127.0.0.1');
            socket.once('connect', () => { socket.destroy(); done(true); });
            socket.once('error', () => done(false));
        }), 'the broker');
    };
    broker.stop = async () => {
        const ended = new Promise((done) => broker.process.once('exit', done));
        broker.process.kill('SIGKILL');
        await ended;
    };
    await broker.start();
    later(t, () => broker.stop());
    return broker;
}

for (const version of ['5', '3.1.1'])
    test(`events reach an MQTT ${version} broker that went away for a while`, async (t) => {
        const folder = newFolder(t);
        const broker = await newBroker(t, folder);
        const hub = await newHub(t, { folder, settings:
            `sinks:\n  - kind: mqtt\n    name: broker\n    address: 127.0.0.1:${broker.port}\n`
            + `    tls: off\n    version: ${version}\n    topic: twins/{deviceId}/{opType}\n`
            + 'routes:\n  - name: all\n    sources: [TwinChangeEvents, DeviceLifecycleEvents]\n'
            + '    sink: broker\n' });
        const listen = async () => {
            const client = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`,
                                        { protocolVersion: 5, reconnectPeriod: 0 });
            client.on('error', () => {});  // the broker dies
            await nextEvent(client, 'connect');
            later(t, () => client.end(true));
            client.got = [];
            client.on('message', (topic, payload, packet) =>
                client.got.push({ topic, event: JSON.parse(payload), packet }));
            await new Promise((done, failed) => client.subscribe(
                'twins/#', { qos: 1 }, (error) => (error ? failed(error) : done())));
            return client;
        };
        const first = await listen();
        await newDevice(hub, 'd1');
        await until(() => first.got.length === 1, 'the first event', 30_000);
        assert.equal(first.got[0].topic, 'twins/d1/createDeviceIdentity');
        assert.equal(first.got[0].event.type, 'twinhub.device.created');
        assert.equal(first.got[0].packet.qos, 1);
        if (version === '5')
            assert.match(first.got[0].packet.properties.contentType, /^application\/cloudevents\+json/);

        await broker.stop();
        await patch(hub, 'd1', { tags: { n: 1 } });
        await patch(hub, 'd1', { tags: { n: 2 } });
        await until(async () => (await routesOf(hub))[0].state === 'retrying', 'the failure', 60_000);
        await broker.start();
        const second = await listen();
        await patch(hub, 'd1', { tags: { n: 3 } });
        await until(() => second.got.some(({ event }) => event.data.body.tags?.n === 3),
                    'the last event', 90_000);
        await until(async () => (await routesOf(hub))[0].lagCommits === 0, 'no lag');
        const [route] = await routesOf(hub);
        assert.equal(route.delivered, 4);
        assert.equal(route.deadLetters, 0);
    });

test('routes that cannot work are refused at the start, with their lines', async (t) => {
    const hub = await newHub(t, { wait: false, settings: 'sinks:\n  - {kind: file, name: f, path: /tmp/f}\n'
        + 'routes:\n'
        + '  - {name: a, sources: TwinChangeEvents, sink: nowhere}\n'
        + '  - {name: a, sources: [Everything], sink: f}\n'
        + '  - {name: b, sources: TwinChangeEvents, sink: f, condition: "x ="}\n'
        + '  - {name: c, sources: TwinChangeEvents, sink: f, wat: 1}\n' });
    await hub.exited;
    const { code, text } = await refusedStart(hub);
    assert.notEqual(code, 0);
    for (const wanted of [/:4: routes: 'a' has a sink that is not there: 'nowhere'/,
                          /:5: routes: sources must be TwinChangeEvents.*not 'Everything'/,
                          /:5: routes: 'a' is the name of two/,
                          /:6: routes: 'b' has a condition is wrong: .*line 1, column 4/,
                          /:7: routes: wat is not a setting of a route/])
        assert.match(text, wanted);
});
