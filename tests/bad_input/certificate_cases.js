// Hostile certificates, in the handshake and in the registry (specification: device-protocols 6.4).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, packets, RawMqtt } from '../end_to_end/lib/raw_mqtt.js';
import { authority, authorityBelow, signedBy } from '../end_to_end/lib/x509.js';

const times = (count, make) => Array.from({ length: count }, make);
const any = { 'If-Match': '*' };

// A device of the CA-signed type, its authority, and its certificate.
async function certified(harness) {
    if (harness.certified) return harness.certified;
    const { folder } = harness.hub;
    const root = authority(folder, 'root');
    await harness.rest.put('/twinhub/certificates/root', {
        properties: { certificate: root.certificate, isVerified: true } });
    await harness.rest.put('/devices/certified', {
        deviceId: 'certified', authentication: { type: 'certificateAuthority' } });
    return harness.certified = { root, leaf: signedBy(root, folder, 'certified') };
}

// What becomes of a CONNECT behind this certificate: its code, or 'refused' by the handshake.
async function connack({ hub }, cert, key, tls = {}) {
    const client = await RawMqtt.open(hub, { cert, key, ...tls }).catch(() => undefined);
    if (client === undefined) return 'refused';
    client.send(packets.connect(credentials(hub, { deviceId: 'certified' })));
    const code = await client.connack();
    client.destroy();
    return code;
}

function weak(folder, ...how) {
    const file = (ending) => join(folder, `weak.${ending}`);
    execFileSync('openssl', ['req', '-x509', ...how, '-nodes', '-keyout', file('key'), '-out', file('pem'),
                             '-subj', '/CN=certified', '-days', '30'], { stdio: 'pipe' });
    return [readFileSync(file('pem'), 'utf8'), readFileSync(file('key'), 'utf8')];
}

export function certificateCases() {
    const cases = [];
    const add = (name, run) => cases.push({ name: `certificates: ${name}`, run });

    for (const [version, count, expected] of [
        ['TLSv1.2', 11, [5]], ['TLSv1.3', 11, [5]], ['TLSv1.2', 60, [5]], ['TLSv1.3', 60, [5]],
        ['TLSv1.2', 150, ['refused', 'closed']], ['TLSv1.3', 150, ['refused', 'closed']],
    ])
        add(`a chain of ${count} over ${version} is refused`, async (harness) => {
            const { root, leaf } = await certified(harness);
            const tls = { minVersion: version, maxVersion: version };
            assert.equal(await connack(harness, leaf.certificate, leaf.key, tls), 0);
            const answers = await Promise.all(times(20, () => connack(
                harness, leaf.certificate + root.certificate.repeat(count), leaf.key, tls)));
            for (const answer of answers) assert.ok(expected.includes(answer), `answered ${answer}`);
        });

    add('a chain that is too deep is refused', async (harness) => {
        const { root } = await certified(harness);
        const above = [];
        let issuer = root;
        for (let level = 0; level < 10; level++)
            above.unshift(issuer = authorityBelow(issuer, harness.hub.folder, `level ${level}`));
        const leaf = signedBy(issuer, harness.hub.folder, 'certified');
        const cert = [leaf, ...above].map((one) => one.certificate).join('');
        assert.equal(await connack(harness, cert, leaf.key), 5);
    });

    add('an authority that nobody registered leads nowhere, however often it is shown', async (harness) => {
        const { folder } = harness.hub;
        const one = authority(folder, 'unknown');
        const leaf = signedBy(one, folder, 'certified');
        assert.equal(await connack(harness, leaf.certificate + one.certificate.repeat(8), leaf.key), 5);
    });

    add('a key that is too small, or on a curve without a name, proves nothing', async (harness) => {
        await certified(harness);
        for (const how of [['-newkey', 'rsa:1024'],
                           ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                            '-pkeyopt', 'ec_param_enc:explicit']]) {
            const [cert, key] = weak(harness.hub.folder, ...how);
            const answer = await connack(harness, cert, key, { ciphers: 'DEFAULT@SECLEVEL=0' });
            assert.ok([5, 'refused', 'closed'].includes(answer), `${how}: ${answer}`);
        }
    });

    add('texts that are no certificates are refused by the registry', async (harness) => {
        const { root } = await certified(harness);
        const texts = ['', 'x', 'A'.repeat(50_000), '-----BEGIN CERTIFICATE-----\n',
                       root.certificate.replace(/[A-Z]{3}/g, 'AAA'), root.certificate.slice(0, 300),
                       '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'.repeat(500),
                       Buffer.alloc(30_000, 0x30).toString('base64')];
        for (const certificate of texts) {
            const path = '/twinhub/certificates/root';
            for (const answer of [
                await harness.rest.put(`${path}2`, { properties: { certificate } }),
                await harness.rest.post(`${path}/verify`, { certificate }, any),
                await harness.rest.put(`${path}/revocationList`, { revocationList: certificate }, any)])
                assert.equal(answer.status, 400, certificate.slice(0, 60));
        }
    });

    return cases;
}
