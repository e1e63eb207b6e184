// Devices that prove themselves by their TPM, a software one, with Microsoft's security, provisioning
// and device clients (specification: device-protocols 7.1, 7.3, 7.4).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import deviceSdk from 'azure-iot-device';
import { Amqp, hub, Mqtt, newId, NoRetry, registry, rest, twinOf } from './lib/fixture.js';
import { enroll, idScope, registerWith, service } from './lib/provisioning.js';
import { SoftwareTpm, TpmAuthenticationProvider } from './lib/software_tpm.js';

const initialTwin = { tags: { site: 'west' }, properties: { desired: { rate: 40 } } };

async function enrolled(t, tpm, more = {}) {
    const { endorsementKey } = await tpm.keys();
    return enroll(t, { attestation: { type: 'tpm', tpm: { endorsementKey } }, initialTwin, ...more });
}

// Goes where the device was sent; every token is signed inside the TPM.
async function goTo(t, result, security, transport = Mqtt) {
    const client = deviceSdk.Client.fromAuthenticationProvider(
        TpmAuthenticationProvider.fromTpmSecurityClient(result.deviceId, result.assignedHub, security),
        transport);
    client.setRetryPolicy(new NoRetry());
    client.on('error', () => {});
    t.after(() => client.close().catch(() => {}));
    await client.open();
    return client;
}

for (const transport of ['http', 'amqp', 'amqp-ws']) {
    test(`a device with a TPM finds its hub over ${transport} and signs for it`, async (t) => {
        const tpm = await SoftwareTpm.start(t);
        const { registrationId } = await enrolled(t, tpm);
        const security = tpm.client(registrationId);
        const result = await registerWith(security, transport);
        const { registrationState: state } = result;
        assert.equal(state.assignedHub, hub.host);
        assert.equal(state.deviceId, registrationId);
        assert.ok(state.tpm.authenticationKey);
        const twin = await twinOf(await goTo(t, state, security,
                                             transport === 'http' ? Mqtt : Amqp));
        assert.equal(twin.properties.desired.rate, 40);
    });
}

test('registering again gives another key, and the one before ends', async (t) => {
    const tpm = await SoftwareTpm.start(t);
    const { registrationId } = await enrolled(t, tpm);
    const keyNow = async () =>
        (await registry.get(registrationId)).responseBody.authentication.symmetricKey.primaryKey;
    await registerWith(tpm.client(registrationId), 'http');
    const before = await keyNow();
    const security = tpm.client(registrationId);
    const { registrationState: state } = await registerWith(security, 'amqp');
    assert.notEqual(await keyNow(), before);
    await goTo(t, state, security);
});

test('a group does not take TPMs, and neither does another TPM get in', async (t) => {
    const [tpm, other] = [await SoftwareTpm.start(t), await SoftwareTpm.start(t)];
    const { registrationId } = await enrolled(t, tpm);
    // Over AMQP the client is refused within SASL, and never says so (a test of the door does).
    await assert.rejects(registerWith(other.client(registrationId), 'http'));
    await assert.rejects(registry.get(registrationId));
    const { endorsementKey } = await tpm.keys();
    await assert.rejects(service.createOrUpdateEnrollmentGroup({
        enrollmentGroupId: newId('group'), attestation: { type: 'tpm', tpm: { endorsementKey } } }));
    const unusable = Buffer.from(endorsementKey, 'base64');
    unusable[3] = 0x23; // says that it is an elliptic key
    await assert.rejects(enroll(t, { attestation: {
        type: 'tpm', tpm: { endorsementKey: unusable.toString('base64') } } }));
});

test('the first answer over HTTPS is 401 with the challenge', async (t) => {
    const tpm = await SoftwareTpm.start(t);
    const { registrationId } = await enrolled(t, tpm);
    const keys = await tpm.keys();
    const ask = (body) => rest.put(
        `/${idScope}/registrations/${registrationId}/register?api-version=2019-03-31`, body,
        { Authorization: undefined });
    const challenged = await ask({ registrationId, tpm: keys });
    assert.equal(challenged.status, 401);
    assert.deepEqual(Object.keys(challenged.json), ['message', 'authenticationKey', 'keyName']);
    assert.equal(challenged.json.keyName, 'registration');
    assert.equal((await ask({ registrationId, tpm: keys })).json.authenticationKey,
                 challenged.json.authenticationKey);
    const refused = await ask({ registrationId });
    assert.equal(refused.status, 401);
    assert.equal(refused.json.errorCode, 401000);
});
