// A device of python/device.py, in a process of its own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { hub, keyOf } from './fixture.js';
import { Inbox, withDeadline } from './wait.js';

const program = new URL('../python/device.py', import.meta.url).pathname;
const python = '/usr/bin/python3'; // Debian's, which has Debian's paho

export class PythonDevice {
    desired = new Inbox();  // patches
    methods = new Inbox();  // {name, rid, payload}
    messages = new Inbox(); // {topic, properties, payload, qos}
    ends = new Inbox();     // connections that the hub ended
    #waiting = new Map();
    #number = 0;

    // Options: websockets, modelId, certificate and certificateKey (files).
    static async create(t, identity, options = {}) {
        const device = new PythonDevice();
        device.#start();
        t.after(() => device.#process.kill('SIGKILL'));
        await device.do('create', {
            host: hub.host, address: hub.address, ca: join(hub.dataFolder, 'ca.pem'),
            port: options.websockets ? hub.httpsPort : hub.mqttPort,
            deviceId: identity.deviceId, moduleId: identity.moduleId,
            key: options.certificate ? undefined : keyOf(identity), ...options });
        return device;
    }

    // Asks the provisioning service where to go; the last answer of it.
    static async provision(t, { registrationId, key, idScope, websockets = false, payload }) {
        const device = new PythonDevice();
        device.#start();
        t.after(() => device.#process.kill('SIGKILL'));
        return device.do('provision', {
            registrationId, key, idScope, websockets, payload, address: hub.address,
            ca: join(hub.dataFolder, 'ca.pem'), port: websockets ? hub.httpsPort : hub.mqttPort });
    }

    #process;
    #start() {
        this.#process = spawn(python, ['-u', '-W', 'ignore::DeprecationWarning', program], { stdio: ['pipe', 'pipe', 'inherit'] });
        let text = '';
        this.#process.stdout.setEncoding('utf8').on('data', (piece) => {
            const lines = (text + piece).split('\n');
            text = lines.pop();
            for (const line of lines) this.#take(JSON.parse(line));
        });
        this.#process.once('close', () => {
            for (const { reject } of this.#waiting.values())
                reject(new Error('the Python device ended'));
        });
    }

    #take({ id, result, error, event, ...details }) {
        if (event === 'desired') return this.desired.put(details.patch);
        if (event === 'method') return this.methods.put(details);
        if (event === 'message') return this.messages.put(details);
        if (event === 'disconnected') return this.ends.put(details.code);
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        return error === undefined ? waiting.resolve(result) : waiting.reject(new Error(error));
    }

    do(what, details = {}) {
        const id = ++this.#number;
        const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
        this.#process.stdin.write(`${JSON.stringify({ id, do: what, ...details })}\n`);
        return withDeadline(answer, `${what} of the Python device`, 25_000);
    }

    connect(details) { return this.do('connect', details); }
    disconnect() { return this.do('disconnect'); }
    renew() { return this.do('renew'); }
    enable(feature) { return this.do('enable', { feature }); }
    disable(feature) { return this.do('disable', { feature }); }
    getTwin() { return this.do('get_twin'); }
    report(patch) { return this.do('report', { patch }); }
    send(payload, more = {}) { return this.do('send', { payload, ...more }); }
}
