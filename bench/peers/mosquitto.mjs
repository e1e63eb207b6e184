// Mosquitto 2.0 as it should be set up: TLS 1.3 with an ECDSA P-256 certificate, no Nagle, nothing
// persisted. It keeps no state and signs nobody in: the bar for the connection layer alone.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect } from 'node:net';
import { freePort, makeFolder, removeFolder, run, start, stop, waitUntil } from './process.mjs';

function makeCertificates(folder) {
    const file = name => path.join(folder, name);
    const openssl = (...args) => run('openssl', args);
    for (const name of ['ca', 'server'])
        openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file(`${name}.key`));
    openssl('req', '-x509', '-new', '-key', file('ca.key'), '-days', '30', '-subj', '/CN=Benchmark CA', '-out', file('ca.pem'));
    openssl('req', '-new', '-key', file('server.key'), '-subj', '/CN=localhost', '-out', file('server.csr'));
    writeFileSync(file('san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl('x509', '-req', '-in', file('server.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial',
        '-days', '30', '-extfile', file('san.cnf'), '-out', file('server.pem'));
    return { ca: file('ca.pem'), certificate: file('server.pem'), key: file('server.key') };
}

const accepts = port => new Promise(done => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); done(true); });
    socket.on('error', () => done(false));
});

// `port` speaks TLS; `plainPort` is for a bridge on the same machine.
export async function startMosquitto() {
    const folder = makeFolder('mosquitto');
    const tls = makeCertificates(folder);
    const port = await freePort();
    const plainPort = await freePort();
    writeFileSync(path.join(folder, 'mosquitto.conf'), `
per_listener_settings false
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 0
log_type error
log_type warning
user root
listener ${port} 127.0.0.1
tls_version tlsv1.3
certfile ${tls.certificate}
keyfile ${tls.key}
listener ${plainPort} 127.0.0.1
`);
    const child = start('bash', ['-c', `ulimit -n $(ulimit -Hn); exec mosquitto -c ${path.join(folder, 'mosquitto.conf')}`]);
    await waitUntil(async () => await accepts(port) && await accepts(plainPort), 10, 'mosquitto', child);
    return {
        port, plainPort, ca: tls.ca, pids: [child.pid],
        stop: async () => { await stop(child); removeFolder(folder); },
    };
}
