// A real hub: the program itself, in a folder of its own.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, withDeadline } from './wait.js';

const repository = resolve(fileURLToPath(import.meta.url), '../../../..');
const start_milliseconds = 60_000;

export function binary() {
    const path = process.env.TWINHUB_BINARY ?? join(repository, 'build/dev/src/twinhub');
    if (!existsSync(path)) throw new Error(`no twinhub at ${path}; set TWINHUB_BINARY`);
    return path;
}

// No hub outlives the process that started it.
const running = new Set();
process.once('exit', () => { for (const hub of running) hub.kill('SIGKILL'); });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

async function freePorts(count) {
    const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => new Promise((done) => server.once('listening', done))));
    const ports = servers.map((server) => server.address().port);
    await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    return ports;
}

export class Hub {
    // `folder` holds the data folder, the log and whatever the tests put beside them.
    // `options`: host, address (where clients connect to), httpsPort, mqttPort, amqpPort,
    // metricsPort, config (path), arguments (more flags).
    constructor(folder, options = {}) {
        Object.assign(this, { host: 'localhost', address: 'localhost', httpsPort: 443,
                              mqttPort: 8883, amqpPort: 5671, metricsPort: 9464, arguments: [] }, options);
        this.folder = folder;
        this.dataFolder = join(folder, 'data');
        this.logFile = join(folder, 'hub.log');
    }

    static newFolder() { return mkdtempSync(join(tmpdir(), 'twinhub-test-')); }

    static async start(options = {}) {
        const hub = new Hub(options.folder ?? Hub.newFolder(), options);
        await hub.start();
        return hub;
    }

    // On ports that nobody uses, for tests that need no SDK.
    static async startAnywhere(options = {}) {
        const [httpsPort, mqttPort, amqpPort, metricsPort] = await freePorts(4);
        return Hub.start({ httpsPort, mqttPort, amqpPort, metricsPort, address: '127.0.0.1',
                           arguments: ['--listen-addresses', '127.0.0.1'], ...options });
    }

    // Starts the program without waiting for it.
    spawn() {
        const log = openSync(this.logFile, 'a');
        const flags = [
            'serve', '--data', this.dataFolder, '--hub-name', this.host,
            '--listen-https-port', this.httpsPort, '--listen-mqtt-port', this.mqttPort,
            '--listen-amqp-port', this.amqpPort, '--metrics-port', this.metricsPort,
            ...(this.config ? ['--config', this.config] : []), ...this.arguments];
        const child = spawn(binary(), flags.map(String), { stdio: ['ignore', log, log] });
        closeSync(log);
        running.add(child);
        this.process = child;
        this.exited = new Promise((done) => {
            child.once('exit', (code, signal) => done({ code, signal }));
            child.once('error', (error) => done({ code: 127, error }));
        });
        this.exited.then(() => running.delete(child));
    }

    async start() {
        this.spawn();
        let ended;
        this.exited.then((how) => { ended = how; });
        await until(async () => {
            if (ended) throw new Error(`the hub ended at start: ${JSON.stringify(ended)}\n${this.log()}`);
            return await this.status('/readyz') === 200;
        }, 'the hub to be ready', start_milliseconds).catch((error) => {
            this.process.kill('SIGKILL');
            throw error;
        });
    }

    log() {
        return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8').slice(-4000) : '';
    }

    get ca() { return this.caText ??= readFileSync(join(this.dataFolder, 'ca.pem'), 'utf8'); }

    // Asks the program itself for the connection string of a policy.
    connectionStringOf(policy, key = 'primary') {
        const output = execFileSync(binary(), [
            'hub', 'connection-string', '--data', this.dataFolder,
            '--policy-name', policy, '--key-type', key], { encoding: 'utf8' });
        return /HostName=[^"\s]+/.exec(output)[0];
    }

    get connectionString() { return this.ownerText ??= this.connectionStringOf('iothubowner'); }

    // The status of a page on the metrics listener, 0 when nobody listens.
    status(path) {
        return new Promise((done) => {
            const request = get({ host: '127.0.0.1', port: this.metricsPort, path, agent: false },
                                (answer) => { answer.resume(); done(answer.statusCode); });
            request.setTimeout(2000, () => request.destroy());
            request.on('error', () => done(0));
        });
    }

    // Resident memory in bytes.
    memory() {
        const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
        return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
    }

    async kill() {
        this.process.kill('SIGKILL');
        await this.exited;
    }

    // An orderly end; anything but exit code 0 is an error.
    async stop() {
        this.process.kill('SIGTERM');
        const how = await withDeadline(this.exited, 'the hub to drain', 30_000)
            .catch(async (error) => { await this.kill(); throw error; });
        if (how.code !== 0)
            throw new Error(`the hub ended with ${JSON.stringify(how)}\n${this.log()}`);
    }

    remove() { rmSync(this.folder, { recursive: true, force: true }); }

    // What another process needs to use a hub that runs already.
    describe() {
        const { folder, host, address, httpsPort, mqttPort, amqpPort, metricsPort } = this;
        return JSON.stringify({ folder, host, address, httpsPort, mqttPort, amqpPort, metricsPort,
                                pid: this.process.pid });
    }

    static described(text) {
        const { folder, pid, ...options } = JSON.parse(text);
        const hub = new Hub(folder, options);
        hub.process = { pid };
        return hub;
    }
}
