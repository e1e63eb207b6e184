// AMQP 1.0 by hand, with rhea: links, tokens and requests as a test wants them.
import assert from 'node:assert/strict';
import rhea from 'rhea';
import { hub, keyOf } from './fixture.js';
import { sasToken } from './sas.js';
import { Inbox, nextEvent, withDeadline } from './wait.js';

export class Peer {
    static async open(t, options = {}) {
        const peer = new Peer();
        peer.container = rhea.create_container();
        peer.connection = peer.container.connect({
            port: hub.amqpPort, host: hub.address, transport: 'tls', ca: hub.ca,
            servername: hub.host, hostname: hub.host, reconnect: false, ...options });
        for (const name of ['connection_error', 'error', 'session_error', 'sender_error',
                            'receiver_error', 'disconnected'])
            peer.connection.on(name, () => {});
        t.after(() => peer.connection.close());
        await nextEvent(peer.connection, 'connection_open');
        return peer;
    }

    async sender(address, { session = this.connection, ...options } = {}) {
        const link = session.open_sender({ target: { address }, autosettle: false, ...options });
        await Peer.attached(link, 'sender');
        return link;
    }

    async receiver(address, { session = this.connection, ...options } = {}) {
        const link = session.open_receiver({ source: { address }, ...options });
        link.inbox = new Inbox();
        link.on('message', ({ message, delivery }) => link.inbox.put({ ...message, delivery }));
        await Peer.attached(link, 'receiver');
        return link;
    }

    // A link that is refused is attached without its address, and then detached with the reason.
    static attached(link, kind) {
        const end = kind === 'sender' ? 'target' : 'source';
        return withDeadline(new Promise((resolve, reject) => {
            link.once(`${kind}_error`, () => reject(link.error));
            link.once(`${kind}_open`, () => {
                if (link.remote.attach[end]?.address) resolve(link);
            });
        }), `the link to be attached or refused`);
    }

    async cbs() {
        this.tokens = await this.sender('$cbs');
        this.verdicts = await this.receiver('$cbs');
    }

    async putToken(audience, token, id = rhea.generate_uuid()) {
        if (!this.tokens) await this.cbs();
        this.tokens.send({
            message_id: id, to: '$cbs', reply_to: 'cbs', body: token, application_properties: {
                operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: audience } });
        const { application_properties: answer } = await this.verdicts.inbox.take();
        return answer['status-code'];
    }

    session() {
        const session = this.connection.create_session();
        session.begin();
        return session;
    }

    // `properties`: more of them, of both links.
    async twin(id, session, properties = {}) {
        const address = `/devices/${id}/twin`;
        const options = { session, snd_settle_mode: 1, properties: {
            'com.microsoft:channel-correlation-id': `twin:${rhea.generate_uuid()}`, ...properties } };
        return { up: await this.sender(address, options), down: await this.receiver(address, options) };
    }
}

export const resourceOf = ({ deviceId, moduleId }) =>
    `${hub.host}/devices/${deviceId}${moduleId ? `/modules/${moduleId}` : ''}`;
export const tokenOf = (identity, more = {}) =>
    sasToken({ resource: resourceOf(identity), key: keyOf(identity), ...more });

// A request on the links of a twin.
export async function ask(
    twin, operation, { resource, body = ' ', correlation = rhea.generate_uuid() } = {}) {
    twin.up.send({
        message_annotations: { operation, ...(resource ? { resource } : {}) },
        correlation_id: correlation, body: rhea.message.data_section(Buffer.from(body)) });
    const answer = await twin.down.inbox.take((one) => one.correlation_id !== undefined);
    assert.deepEqual(answer.correlation_id, correlation);
    const text = answer.body.content.toString();
    return { status: answer.message_annotations.status, json: text ? JSON.parse(text) : undefined };
}
