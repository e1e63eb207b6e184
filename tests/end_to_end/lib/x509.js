// Certificates for devices, made with the openssl command.
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
let serial = 0;

function read(folder, name) {
    const certificate = readFileSync(join(folder, `${name}.pem`), 'utf8');
    const der = new X509Certificate(certificate).raw;
    const thumbprint = (hash) => createHash(hash).update(der).digest('hex').toUpperCase();
    return {
        certificate, key: readFileSync(join(folder, `${name}.key`), 'utf8'),
        file: join(folder, `${name}.pem`), sha1: thumbprint('sha1'), sha256: thumbprint('sha256'),
    };
}

// A certificate signed by itself; `days` may be negative for one that is already over.
export function selfSigned(folder, commonName, days = 30) {
    const name = `self-${process.pid}-${++serial}`;
    const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
    const subject = ['-subj', `/CN=${commonName}`];
    if (days > 0) {
        openssl('req', '-x509', ...newKey, '-keyout', key, '-out', certificate, ...subject,
                '-days', String(days));
    } else {
        const request = join(folder, `${name}.csr`);
        openssl('req', ...newKey, '-keyout', key, '-out', request, ...subject);
        openssl('x509', '-req', '-in', request, '-signkey', key, '-out', certificate,
                '-days', String(days));
    }
    return read(folder, name);
}

// The authority `name`, made the first time it is asked for.
export function authority(folder, name) {
    const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
    if (!existsSync(certificate)) {
        openssl('req', '-x509', ...newKey, '-keyout', key, '-out', certificate,
                '-subj', `/CN=${name}`, '-days', '30',
                '-addext', 'basicConstraints=critical,CA:TRUE',
                '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
    }
    return read(folder, name);
}

// A leaf for `commonName` (a device id, or device/module), signed by `issuer`.
export function signedBy(issuer, folder, commonName) {
    return issued(issuer, folder, commonName, 'extendedKeyUsage=clientAuth\n');
}

// An authority below `issuer`.
export function authorityBelow(issuer, folder, commonName) {
    return issued(issuer, folder, commonName, 'basicConstraints=critical,CA:TRUE\n'
        + 'keyUsage=critical,keyCertSign,cRLSign\n');
}

// What `issuer` takes back, as PEM. Each list is newer than the one before.
export function revocationList(issuer, folder, revoked) {
    const name = `list-${process.pid}-${++serial}`;
    const path = (ending) => join(folder, `${name}.${ending}`);
    writeFileSync(path('index'), '');
    writeFileSync(path('number'), `${(++serial).toString(16).padStart(8, '0')}\n`);
    writeFileSync(path('cnf'), `[ca]\ndefault_ca=own\n[own]\ndatabase=${path('index')}\n`
        + `crlnumber=${path('number')}\ndefault_md=sha256\ndefault_crl_days=30\n`
        + `certificate=${issuer.file}\nprivate_key=${issuer.file.replace(/pem$/, 'key')}\n`);
    for (const one of revoked) openssl('ca', '-config', path('cnf'), '-revoke', one.file);
    openssl('ca', '-config', path('cnf'), '-gencrl', '-out', path('crl'));
    return readFileSync(path('crl'), 'utf8');
}

function issued(issuer, folder, commonName, extensions) {
    const name = `leaf-${process.pid}-${++serial}`;
    const path = (ending) => join(folder, `${name}.${ending}`);
    writeFileSync(path('ext'), extensions);
    openssl('req', ...newKey, '-keyout', path('key'), '-out', path('csr'),
            '-subj', `/CN=${commonName.replaceAll('/', '\\/')}`);
    openssl('x509', '-req', '-in', path('csr'), '-CA', issuer.file,
            '-CAkey', issuer.file.replace(/pem$/, 'key'), '-CAcreateserial', '-days', '30',
            '-extfile', path('ext'), '-out', path('pem'));
    return read(folder, name);
}

// A certificate for the server `host`, signed by `issuer`.
export function serverCertificate(issuer, folder, host) {
    const name = `server-${process.pid}-${++serial}`;
    const path = (ending) => join(folder, `${name}.${ending}`);
    writeFileSync(path('ext'), `subjectAltName=DNS:${host}\nextendedKeyUsage=serverAuth\n`);
    openssl('req', ...newKey, '-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${host}`);
    openssl('x509', '-req', '-in', path('csr'), '-CA', issuer.file,
            '-CAkey', issuer.file.replace(/pem$/, 'key'), '-CAcreateserial', '-days', '30',
            '-extfile', path('ext'), '-out', path('pem'));
    return read(folder, name);
}
