// One hub for all cases, and the question after each: does it still serve, in bounded memory?
import assert from 'node:assert/strict';
import { connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { Hub } from '../end_to_end/lib/hub.js';
import { credentials, RawMqtt, topics } from '../end_to_end/lib/raw_mqtt.js';
import { Rest } from '../end_to_end/lib/rest.js';
import { withDeadline } from '../end_to_end/lib/wait.js';

// Shorter than usual, so that the cases with slow clients end sooner.
const patience = ['--tls-handshake-timeout', '8s', '--mqtt-connect-timeout', '8s',
                  '--http-request-timeout', '8s'];

export class Harness {
    static async start(growthMax) {
        const harness = new Harness();
        harness.growthMax = growthMax;
        harness.hub = await Hub.startAnywhere({ arguments: [
            '--listen-addresses', '127.0.0.1', ...patience] });
        harness.rest = new Rest(harness.hub);
        harness.device = await harness.newDevice('target');
        harness.witness = await harness.connect(await harness.newDevice('witness'));
        await harness.witness.subscribe([topics.results, topics.desired]);
        await harness.assertServes();
        harness.memoryBefore = harness.hub.memory();
        return harness;
    }

    async newDevice(deviceId) {
        const { json } = await this.rest.put(`/devices/${deviceId}`, { deviceId });
        return { deviceId, key: json.authentication.symmetricKey.primaryKey };
    }

    connect(device = this.device) {
        return RawMqtt.connect(this.hub, credentials(this.hub, device));
    }

    openMqtt() { return RawMqtt.open(this.hub); }

    // Old connection, new connection and the service door all answer; memory has not run away.
    async assertServes() {
        assert.equal((await this.witness.getTwin()).status, 200, 'the old connection answers');
        assert.equal((await this.rest.get('/twins/witness')).status, 200, 'the service door answers');
        const fresh = await this.connect(await this.spare());
        await fresh.ping();
        await fresh.disconnect();
        const growth = this.hub.memory() - (this.memoryBefore ?? this.hub.memory());
        assert.ok(growth < this.growthMax, `memory grew by ${Math.round(growth / 2 ** 20)} MB`);
    }

    async spare() { return this.spareDevice ??= await this.newDevice('spare'); }

    async stop() {
        this.witness.destroy();
        this.rest.close();
        await this.hub.stop();
    }

    async abandon() {
        this.rest?.close();
        this.witness?.destroy();
        if (this.hub?.process.exitCode === null) await this.hub.kill();
    }

    // A TLS connection to the service door.
    https(options) { return Wire.open(tlsConnect(this.#tls(this.hub.httpsPort, options)), 'secureConnect'); }
    tls(port, options) { return Wire.open(tlsConnect(this.#tls(port, options)), 'secureConnect'); }
    tcp(port) { return Wire.open(tcpConnect(port, this.hub.address), 'connect'); }

    #tls(port, options = {}) {
        return { host: this.hub.address, port, ca: this.hub.ca, servername: this.hub.host, ...options };
    }
}

// Bytes out, bytes in, and the end of it.
export class Wire {
    bytes = Buffer.alloc(0);
    #changed = () => {};

    static async open(socket, event) {
        const wire = new Wire(socket);
        await withDeadline(new Promise((done, fail) => {
            socket.once(event, done);
            socket.once('error', fail);
        }), 'a connection');
        return wire;
    }

    constructor(socket) {
        this.socket = socket;
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('data', (data) => {
            this.bytes = Buffer.concat([this.bytes, data]);
            this.#changed();
        });
        this.closed = new Promise((done) => socket.once('close', () => {
            this.ended = true;
            this.#changed();
            done();
        }));
    }

    get text() { return this.bytes.toString('latin1'); }

    send(...parts) { this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part)))); }

    waitClosed(milliseconds) {
        return withDeadline(this.closed, 'the hub to close the connection', milliseconds);
    }

    // Until `probe` says yes about what came, or the connection ends.
    async until(probe, what) {
        await withDeadline(new Promise((done) => {
            this.#changed = () => { if (this.ended || probe(this)) done(); };
            this.#changed();
        }), what);
    }

    // The status of the first HTTP answer, 'closed' when the connection ended without one.
    async httpStatus() {
        await this.until((wire) => wire.text.includes('\r\n\r\n'), 'an HTTP answer');
        const status = /^HTTP\/1\.[01] (\d{3})/.exec(this.text);
        return status ? Number(status[1]) : 'closed';
    }

    destroy() { this.socket.destroy(); }
}
