// What the C, .NET, Java and embedded SDKs send, packet by packet (specification: device-protocols 6.1, 8),
// and what the hub has to answer. The files are in conversations/.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import {
    hub, keyOf, newDevice, newId, newModule, patchDesired, registry, rest,
} from './lib/fixture.js';
import { Player } from './lib/conversation.js';
import { listen } from './lib/device_events.js';
import { enroll, idScope, newKey, symmetric } from './lib/provisioning.js';
import { randomKey, sasToken, spellings } from './lib/sas.js';
import { until } from './lib/wait.js';
import { authority, signedBy } from './lib/x509.js';

// As .NET writes it: the id is escaped, and then the whole.
const form = (text) => encodeURIComponent(text).replaceAll('%20', '+');

function tokens({ deviceId, moduleId }, key) {
    const path = (id) => `${hub.host}/devices/${id(deviceId)}`
        + (moduleId ? `/modules/${id(moduleId)}` : '');
    const plain = path((id) => id);
    const order = ['sr', 'sig', 'se'];
    return {
        'token-c': () => sasToken({ resource: plain, key, order, spelling: spellings.plain,
                                    signatureSpelling: spellings.lowerHex }),
        'token-upper': () => sasToken({ resource: plain, key, order }),
        'token-dotnet': () => sasToken({ resource: path(form), key, order, spelling: form }),
        'token-java': () => sasToken({ resource: plain, key, order: ['sig', 'se', 'sr'] }),
        'token-wrong': () => sasToken({ resource: plain, key: randomKey(), order }),
    };
}

// A device (and its module) for one conversation, and the player.
async function prepare(t, file) {
    const deviceId = newId('talk');
    const names = { device: deviceId, client: deviceId };
    const tls = {};
    const description = { deviceId };
    if (/x509/.test(file)) {
        const proof = signedBy(authority(hub.folder, 'device-authority'), hub.folder, deviceId);
        Object.assign(tls, { cert: proof.certificate, key: proof.key });
        description.authentication = { type: 'certificateAuthority' };
    }
    const device = await newDevice(t, description);
    let identity = device;
    if (/module/.test(file)) {
        identity = await newModule(t, device);
        names.module = identity.moduleId;
        names.client = `${deviceId}/${identity.moduleId}`;
    }
    if (/provisioning/.test(file)) {
        const key = newKey();
        const { registrationId } = await enroll(t, { attestation: symmetric(key) });
        Object.assign(names, {
            registration: registrationId, scope: idScope,
            'token-provisioning': () => sasToken({
                resource: `${idScope}/registrations/${registrationId}`, key, policy: 'registration',
                order: ['sr', 'sig', 'se', 'skn'] }) });
    }
    if (!description.authentication) Object.assign(names, tokens(identity, keyOf(identity)));
    const events = await listen(t, device);
    const calls = [];
    const player = new Player(hub, { names, tls, actions: {
        invoke: (text) => {
            calls.push(rest.post(`/twins/${deviceId}/methods`, { responseTimeoutInSeconds: 10,
                                                                 ...JSON.parse(text) }));
        },
        answered: async (text) => assert.deepEqual((await calls.shift()).json, JSON.parse(text)),
        send: async (text) => {
            const path = `/devices/${deviceId}/messages/deviceBound`;
            assert.equal((await rest.post(path, JSON.parse(text))).status, 200);
        },
        count: (text) => until(async () => (await registry.get(deviceId)).responseBody
            .cloudToDeviceMessageCount === Number(text), `${text} messages to wait`),
        desired: (text) => patchDesired(deviceId, JSON.parse(text)),
        has: (text) => {
            const [, name, part] = /^(\S+) (.*)$/.exec(text);
            assert.ok(player.names[name].includes(part), `${player.names[name]} has no ${part}`);
        },
        operation: (name) => {
            player.names.operation = JSON.parse(player.names[name]).operationId;
        },
        provisioned: () => until(async () => (await registry.get(names.registration)
            .catch(() => undefined)) !== undefined, 'the device to be there'),
        event: async (text) => {
            const { deviceId: from, moduleId, enqueuedTime, ...event } = await events.take();
            assert.deepEqual([from, moduleId], [deviceId, names.module]);
            assert.deepEqual(event, JSON.parse(text));
        },
    } });
    t.after(() => player.end());
    return player;
}

for (const file of readdirSync(new URL('conversations/', import.meta.url)).sort()) {
    const name = file.replace(/\.txt$/, '');
    test(`the conversation ${name}`, async (t) => {
        const player = await prepare(t, name);
        await player.play(name);
    });
}
