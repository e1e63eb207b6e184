// Devices that ask where they belong, with Microsoft's clients of both sides.
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import deviceSdk from 'azure-iot-provisioning-device';
import deviceAmqp from 'azure-iot-provisioning-device-amqp';
import deviceHttp from 'azure-iot-provisioning-device-http';
import deviceMqtt from 'azure-iot-provisioning-device-mqtt';
import serviceSdk from 'azure-iot-provisioning-service';
import symmetricKey from 'azure-iot-security-symmetric-key';
import x509 from 'azure-iot-security-x509';
import { hub, newId, registry } from './fixture.js';

export const transports = {
    mqtt: deviceMqtt.Mqtt, 'mqtt-ws': deviceMqtt.MqttWs, http: deviceHttp.Http,
    amqp: deviceAmqp.Amqp, 'amqp-ws': deviceAmqp.AmqpWs };

export const service = serviceSdk.ProvisioningServiceClient.fromConnectionString(
    hub.connectionStringOf('provisioningserviceowner'));

export const idScope = readFileSync(join(hub.dataFolder, 'id_scope'), 'utf8').trim();

export const newKey = () => randomBytes(32).toString('base64');
export const derivedKey = (groupKey, registrationId) =>
    createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64');

export const symmetric = (primaryKey = newKey(), secondaryKey = newKey()) => ({
    type: 'symmetricKey', symmetricKey: { primaryKey, secondaryKey } });

// The public part of an endorsement key as a TPM shows it, of a key that is in none.
export function endorsementKey() {
    const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
        .export({ format: 'jwk' });
    const policy = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
    return Buffer.concat([
        Buffer.from(`013a0001000b000300b20020${policy}00060080004300100800000000000100`, 'hex'),
        Buffer.from(n, 'base64url')]).toString('base64');
}

// Enrolls one device, and forgets it and its device with the test.
export async function enroll(t, more = {}) {
    const registrationId = more.registrationId ?? newId('reg');
    t.after(() => service.deleteIndividualEnrollment(registrationId).catch(() => {}));
    t.after(() => registry.delete(more.deviceId ?? registrationId).catch(() => {}));
    return (await service.createOrUpdateIndividualEnrollment({
        registrationId, attestation: symmetric(), ...more })).responseBody;
}

export async function enrollGroup(t, more = {}) {
    const enrollmentGroupId = newId('group');
    t.after(() => service.deleteEnrollmentGroup(enrollmentGroupId).catch(() => {}));
    return (await service.createOrUpdateEnrollmentGroup({
        enrollmentGroupId, attestation: symmetric(), ...more })).responseBody;
}

// Asks with whatever security client; what the device is told, as the SDK gives it.
export const registerWith = (security, transport) => deviceSdk.ProvisioningDeviceClient.create(
    'localhost', idScope, new transports[transport](), security).register();

// Asks with a key, or with a certificate.
export const registerWithKey = (registrationId, key, transport = 'mqtt') =>
    registerWith(new symmetricKey.SymmetricKeySecurityClient(registrationId, key), transport);
export const registerWithCertificate = (registrationId, { certificate, key }, transport = 'mqtt') =>
    registerWith(new x509.X509Security(registrationId, { cert: certificate, key }), transport);

// All results of a query, page by page.
export async function allOf(query) {
    const found = [];
    do {
        found.push(...await new Promise((done, fail) => {
            query.next(query.continuationToken ?? '', (error, items) => {
                if (error) fail(error);
                else done(items);
            });
        }));
    } while (query.hasMoreResults);
    return found;
}
