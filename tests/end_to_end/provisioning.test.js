// Devices that get their hub, their identity and their first twin from the provisioning service, with
// Microsoft's device and service clients (specification: device-protocols 7, service-api 11,
// twin-document 10).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getTwin, hub, Mqtt, newClient, newId, registry, twinOf } from './lib/fixture.js';
import {
    allOf, derivedKey, endorsementKey, enroll, enrollGroup, newKey, registerWithCertificate,
    registerWithKey, service, symmetric, transports,
} from './lib/provisioning.js';
import { authority, selfSigned, signedBy } from './lib/x509.js';

const initialTwin = { tags: { site: 'west' }, properties: { desired: { rate: 40 } } };

// Goes where the device was sent, with the credential that it has.
async function goTo(t, result, credential) {
    const base = `HostName=${result.assignedHub};DeviceId=${result.deviceId}`;
    const client = newClient(t, typeof credential === 'string'
        ? `${base};SharedAccessKey=${credential}` : `${base};x509=true`);
    if (typeof credential !== 'string')
        await client.setOptions({ cert: credential.certificate, key: credential.key });
    await client.open();
    return client;
}

for (const transport of Object.keys(transports)) {
    test(`an enrolled device finds its hub and its twin over ${transport}`, async (t) => {
        const key = newKey();
        const { registrationId } = await enroll(t, { attestation: symmetric(key), initialTwin });
        const result = await registerWithKey(registrationId, key, transport);
        assert.equal(result.assignedHub, hub.host);
        assert.equal(result.deviceId, registrationId);
        assert.equal(result.substatus, 'initialAssignment');
        const twin = await twinOf(await goTo(t, result, key));
        assert.equal(twin.properties.desired.rate, 40);
        assert.equal(twin.properties.desired.$version, 1);
        assert.deepEqual((await getTwin(registrationId)).tags, { site: 'west' });
    });

    test(`a device of a group comes with a derived key over ${transport}`, async (t) => {
        const key = newKey();
        const group = await enrollGroup(t, { attestation: symmetric(newKey(), key), initialTwin });
        const registrationId = newId('Member');
        t.after(() => registry.delete(registrationId).catch(() => {}));
        const own = derivedKey(key, registrationId);
        const result = await registerWithKey(registrationId, own, transport);
        assert.equal(result.deviceId, registrationId);
        assert.equal((await twinOf(await goTo(t, result, own))).properties.desired.rate, 40);
        const { responseBody: state } = await service.getDeviceRegistrationState(registrationId);
        assert.equal(state.status, 'assigned');
        const members = await allOf(service.createEnrollmentGroupDeviceRegistrationStateQuery(
            { query: 'SELECT *' }, group.enrollmentGroupId, 10));
        assert.deepEqual(members.map((member) => member.registrationId), [registrationId]);
    });

    test(`a certificate of its own proves a device over ${transport}`, async (t) => {
        const registrationId = newId('cert');
        const credential = selfSigned(hub.folder, registrationId);
        await enroll(t, { registrationId, initialTwin, attestation: {
            type: 'x509',
            x509: { clientCertificates: { primary: { certificate: credential.certificate } } } } });
        const result = await registerWithCertificate(registrationId, credential, transport);
        assert.equal((await twinOf(await goTo(t, result, credential))).properties.desired.rate, 40);
    });

    test(`a certificate under that of a group proves a device over ${transport}`, async (t) => {
        const issuer = authority(hub.folder, newId('issuer'));
        await enrollGroup(t, { initialTwin, attestation: {
            type: 'x509',
            x509: { signingCertificates: { primary: { certificate: issuer.certificate } } } } });
        const registrationId = newId('leaf');
        t.after(() => registry.delete(registrationId).catch(() => {}));
        const credential = signedBy(issuer, hub.folder, registrationId);
        const result = await registerWithCertificate(registrationId, credential, transport);
        assert.equal((await twinOf(await goTo(t, result, credential))).properties.desired.rate, 40);
        const stranger = signedBy(authority(hub.folder, newId('other')), hub.folder, newId('x'));
        await assert.rejects(registerWithCertificate(newId('x'), stranger, transport));
    });

    test(`a wrong key and an unknown device are refused over ${transport}`, async (t) => {
        const { registrationId } = await enroll(t);
        await assert.rejects(registerWithKey(registrationId, newKey(), transport));
        await assert.rejects(registerWithKey(newId('nobody'), newKey(), transport));
    });
}

for (const [name, reprovisionPolicy, desired, reported] of [
    ['keeps its data', { updateHubAssignment: true, migrateDeviceData: true }, 55, 1],
    ['begins anew', { updateHubAssignment: true, migrateDeviceData: false }, 40, undefined],
    ['is left alone', { updateHubAssignment: false, migrateDeviceData: false }, 55, 1],
]) {
    test(`a device that registers again ${name} when the policy says so`, async (t) => {
        const key = newKey();
        const { registrationId } = await enroll(t, {
            attestation: symmetric(key), initialTwin, reprovisionPolicy });
        const first = await registerWithKey(registrationId, key);
        const client = await goTo(t, first, key);
        const twin = await twinOf(client);
        await new Promise((done, fail) => {
            twin.properties.reported.update({ v: 1 }, (error) => (error ? fail(error) : done()));
        });
        await registry.updateTwin(registrationId, { properties: { desired: { rate: 55 } } }, '*');
        await client.close();
        const again = await registerWithKey(registrationId, key);
        assert.equal(again.assignedHub, first.assignedHub);
        const after = await getTwin(registrationId);
        assert.equal(after.properties.desired.rate, desired);
        assert.equal(after.properties.reported.v, reported);
    });
}

test('a disabled enrollment is told as such and makes no device', async (t) => {
    const key = newKey();
    const { registrationId } = await enroll(t, {
        attestation: symmetric(key), provisioningStatus: 'disabled' });
    await assert.rejects(registerWithKey(registrationId, key));
    const { responseBody: state } = await service.getDeviceRegistrationState(registrationId);
    assert.equal(state.status, 'disabled');
    await assert.rejects(registry.get(registrationId));
});

test('an enrollment may name the device and make it an edge device', async (t) => {
    const key = newKey();
    const deviceId = newId('Edge');
    const { registrationId } = await enroll(t, {
        attestation: symmetric(key), deviceId, capabilities: { iotEdge: true } });
    const result = await registerWithKey(registrationId, key);
    assert.equal(result.deviceId, deviceId);
    const { responseBody: device } = await registry.get(deviceId);
    assert.equal(device.capabilities.iotEdge, true);
    assert.equal(device.authentication.symmetricKey.primaryKey, key);
});

test('what the service client makes reads back the same', async (t) => {
    const made = await enroll(t, {
        initialTwin, reprovisionPolicy: { updateHubAssignment: false, migrateDeviceData: false },
        allocationPolicy: 'custom', capabilities: { iotEdge: true }, provisioningStatus: 'enabled',
        customAllocationDefinition: { webhookUrl: 'https://h.example/a', apiVersion: '2019-03-31' },
    });
    const { registrationId } = made;
    const { responseBody: read } = await service.getIndividualEnrollment(registrationId);
    assert.equal(read.etag, made.etag);
    assert.match(read.etag, /^"[0-9a-f]{8}-0000-0000-0000-[0-9a-f]{12}"$/);
    assert.equal(read.attestation.type, 'symmetricKey');
    assert.equal(read.attestation.symmetricKey, undefined);
    assert.deepEqual(read.initialTwin, initialTwin);
    assert.deepEqual(read.reprovisionPolicy,
                     { updateHubAssignment: false, migrateDeviceData: false });
    assert.equal(read.customAllocationDefinition.webhookUrl, 'https://h.example/a');
    const before = (await service.getIndividualEnrollmentAttestationMechanism(registrationId))
        .responseBody;
    // What was read is sent back, changed: the keys stay.
    read.provisioningStatus = 'disabled';
    const { responseBody: updated } = await service.createOrUpdateIndividualEnrollment(read);
    assert.equal(updated.provisioningStatus, 'disabled');
    const after = (await service.getIndividualEnrollmentAttestationMechanism(registrationId))
        .responseBody;
    assert.deepEqual(after, before);
    await assert.rejects(service.createOrUpdateIndividualEnrollment(read)); // an etag of before
    await service.deleteIndividualEnrollment(updated);
    await assert.rejects(service.getIndividualEnrollment(registrationId));
});

test('attestation of each kind is kept', async (t) => {
    const tpm = { endorsementKey: endorsementKey() };
    const individual = await enroll(t, { attestation: { type: 'tpm', tpm } });
    const mechanism = await service.getIndividualEnrollmentAttestationMechanism(
        individual.registrationId);
    assert.equal(mechanism.responseBody.tpm.endorsementKey, tpm.endorsementKey);
    const issuer = authority(hub.folder, newId('ca'));
    const group = await enrollGroup(t, { attestation: {
        type: 'x509', x509: { signingCertificates: {
            primary: { certificate: Buffer.from(issuer.certificate).toString('base64') } } } } });
    const { info } = group.attestation.x509.signingCertificates.primary;
    assert.equal(info.sha256Thumbprint, issuer.sha256);
    for (const member of ['subjectName', 'sha1Thumbprint', 'issuerName', 'notBeforeUtc',
                          'notAfterUtc', 'serialNumber', 'version'])
        assert.ok(info[member], member);
});

test('enrollments are listed page by page and made and removed in bulk', async (t) => {
    const ids = [newId('bulk'), newId('bulk'), newId('bulk')];
    const enrollments = ids.map((registrationId) => ({ registrationId, attestation: symmetric() }));
    const run = (operation) => new Promise((done, fail) => {
        service.runBulkEnrollmentOperation(operation, (error, result) => {
            if (error) fail(error);
            else done(result);
        });
    });
    t.after(() => run({ mode: 'delete', enrollments }).catch(() => {}));
    assert.deepEqual(await run({ mode: 'create', enrollments }), { isSuccessful: true, errors: [] });
    const again = await run({ mode: 'create', enrollments: enrollments.slice(0, 1) });
    assert.equal(again.isSuccessful, false);
    assert.equal(again.errors[0].registrationId, ids[0]);
    const query = service.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 2);
    const found = (await allOf(query)).map((enrollment) => enrollment.registrationId);
    for (const id of ids) assert.ok(found.includes(id), id);
    assert.equal(new Set(found).size, found.length);
});

test('a registration that is deleted starts over, its device stays', async (t) => {
    const key = newKey();
    const { registrationId } = await enroll(t, { attestation: symmetric(key), initialTwin });
    await registerWithKey(registrationId, key);
    const { responseBody: enrollment } = await service.getIndividualEnrollment(registrationId);
    assert.equal(enrollment.registrationState.status, 'assigned');
    await service.deleteDeviceRegistrationState(registrationId);
    await assert.rejects(service.getDeviceRegistrationState(registrationId));
    await registry.updateTwin(registrationId, { tags: { site: 'east' } }, '*');
    assert.equal((await registerWithKey(registrationId, key)).deviceId, registrationId);
    assert.deepEqual((await getTwin(registrationId)).tags, { site: 'east' });
});
