// A device's twin over AMQP 1.0 by hand, with rhea (specification: device-protocols 4).
import { randomUUID } from 'node:crypto';
import rhea from 'rhea';
import WebSocket from 'ws';
import { Inbox, withDeadline } from './wait.js';
import { sasToken } from './sas.js';

const dataOf = (message) => message.body?.content ?? message.body;

export class RawAmqp {
    notifications = new Inbox(); // {version, patch}
    watch = () => {};            // sees {kind, ..} of every answer and notification, in order
    #answers = new Map();        // by correlation id
    #socket;                     // of the WebSocket

    // Connects, puts the token of `key` and attaches the twin's links. Throws when the hub refuses.
    static async connect(hub, { deviceId, key }, { websocket = false } = {}) {
        const client = new RawAmqp();
        try {
            await withDeadline(client.#connect(hub, { deviceId, key }, websocket), 'AMQP to open');
        } catch (error) {
            client.destroy();
            throw error;
        }
        return client;
    }

    async #connect(hub, { deviceId, key }, websocket) {
        const container = rhea.create_container({ id: randomUUID() });
        const options = { reconnect: false, idle_time_out: 240_000, hostname: hub.host };
        if (websocket) {
            const keep = (socket) => { this.#socket = socket; };
            const connect = container.websocket_connect(class extends WebSocket {
                constructor(...parts) {
                    super(...parts);
                    keep(this);
                }
            });
            options.connection_details = connect(
                `wss://${hub.address}:${hub.httpsPort}/$iothub/websocket`, ['AMQPWSB10'],
                { ca: hub.ca, servername: hub.host, perMessageDeflate: false });
        } else {
            Object.assign(options, { transport: 'tls', host: hub.address, port: hub.amqpPort,
                                     ca: hub.ca, servername: hub.host });
        }
        this.connection = container.connect(options);
        this.closed = new Promise((done) => {
            for (const event of ['disconnected', 'connection_close'])
                this.connection.once(event, () => {
                    this.notifications.end();
                    for (const { reject } of this.#answers.values())
                        reject(Object.assign(new Error('the connection ended'), { code: 'ECONNRESET' }));
                    this.#answers.clear();
                    done(true);
                });
        });
        for (const event of ['connection_error', 'session_error', 'protocol_error', 'error',
                             'sender_error', 'receiver_error'])
            this.connection.on(event, () => {}); // shows as `closed`, or as a refused link
        await this.#event(this.connection, 'connection_open');
        await this.#putToken(hub, deviceId, key);
        const address = `/devices/${deviceId}/twin`;
        const properties = {
            'com.microsoft:channel-correlation-id': `twin:${randomUUID()}`,
            'com.microsoft:api-version': '2021-04-12' };
        this.receiver = this.connection.open_receiver({
            source: address, properties, snd_settle_mode: 1, rcv_settle_mode: 0,
            credit_window: 100, autoaccept: true });
        this.receiver.on('message', ({ message }) => this.#receive(message));
        await this.#event(this.receiver, 'receiver_open');
        this.sender = this.connection.open_sender({
            target: address, properties, snd_settle_mode: 1, rcv_settle_mode: 0 });
        await this.#event(this.sender, 'sendable');
    }

    #event(emitter, name) {
        return Promise.race([
            new Promise((done) => emitter.once(name, done)),
            this.closed.then(() => {
                throw Object.assign(new Error(`the connection ended before ${name}`),
                                    { code: 'ECONNRESET' });
            })]);
    }

    async #putToken(hub, deviceId, key) {
        const receiver = this.connection.open_receiver({ source: '$cbs', autoaccept: true });
        const sender = this.connection.open_sender({ target: '$cbs' });
        await Promise.all([this.#event(receiver, 'receiver_open'), this.#event(sender, 'sendable')]);
        const resource = `${hub.host}/devices/${deviceId}`;
        const answer = this.#event(receiver, 'message');
        sender.send({
            message_id: randomUUID(), to: '$cbs', reply_to: 'cbs',
            application_properties: { operation: 'put-token', name: resource,
                                      type: 'servicebus.windows.net:sastoken' },
            body: sasToken({ resource, key }) });
        const status = (await answer).message.application_properties['status-code'];
        if (status !== 200) throw new Error(`put-token ${status}`);
    }

    #receive(message) {
        const text = dataOf(message)?.toString() ?? '';
        const annotations = message.message_annotations ?? {};
        if (message.correlation_id === undefined || message.correlation_id === null) {
            const notification = { version: Number(annotations.version), patch: JSON.parse(text) };
            this.watch({ kind: 'notification', ...notification });
            this.notifications.put(notification);
            return;
        }
        const waiting = this.#answers.get(String(message.correlation_id));
        this.#answers.delete(String(message.correlation_id));
        const answer = { status: annotations.status, version: annotations.version,
                         json: text ? JSON.parse(text) : undefined };
        this.watch({ kind: 'answer', ...answer });
        waiting?.resolve(answer);
    }

    // A request on the twin's links: {status, version, json}.
    request(operation, resource, body = ' ') {
        const id = randomUUID();
        const answer = new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
        this.sender.send({
            correlation_id: id, body: rhea.message.data_section(Buffer.from(body)),
            message_annotations: { operation, ...(resource && { resource }) } });
        return withDeadline(answer, `the answer to ${operation}`);
    }

    getTwin() { return this.request('GET'); }
    report(patch) { return this.request('PATCH', '/properties/reported', JSON.stringify(patch)); }
    subscribe() { return this.request('PUT', '/notifications/twin/properties/desired'); }

    disconnect() {
        this.connection.close();
        return withDeadline(this.closed, 'the end of the connection');
    }
    destroy() {
        if (this.#socket) this.#socket.terminate();
        else this.connection?.socket?.destroy();
    }
}
