// A TPM 2.0 in software (Debian's swtpm), and Microsoft's security client upon it.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import securityTpm from 'azure-iot-security-tpm';
import tss from 'tss.js';
import { until } from './wait.js';

export const { TpmAuthenticationProvider } = securityTpm;

const header_bytes = 10;

// How tss.js reaches a TPM: raw commands over a socket, one at a time.
class SwtpmDevice {
    constructor(port) { this.port = port; }

    connect(done) {
        this.socket = connect(this.port, '127.0.0.1', () => done(null));
        this.socket.on('error', () => {});
        this.socket.unref();
        return null;
    }

    dispatchCommand(command, done) {
        let answer = Buffer.alloc(0);
        const take = (bytes) => {
            answer = Buffer.concat([answer, bytes]);
            if (answer.length < header_bytes || answer.length < answer.readUInt32BE(2)) return;
            this.socket.off('data', take);
            done(null, answer);
        };
        this.socket.on('data', take);
        this.socket.write(command);
    }

    close() { this.socket.end(); }
}

async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address();
    await new Promise((done) => server.close(done));
    return port;
}

export class SoftwareTpm {
    // Made new, with keys of its own; gone with the test.
    static async start(t) {
        const tpm = new SoftwareTpm();
        tpm.folder = mkdtempSync(join(tmpdir(), 'twinhub-tpm-'));
        tpm.port = await freePort();
        const child = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${tpm.folder}`,
            '--server', `type=tcp,port=${tpm.port}`, '--flags', 'not-need-init,startup-clear'],
        { stdio: 'ignore' });
        const ended = new Promise((done) => {
            child.once('exit', done);
            child.once('error', (error) => { tpm.error = error; done(); });
        });
        t.after(async () => {
            child.kill();
            await ended;
            rmSync(tpm.folder, { recursive: true, force: true });
        });
        // It serves one connection after the other, and this is the only one.
        tpm.device = new SwtpmDevice(tpm.port);
        await until(async () => {
            if (tpm.error) throw tpm.error;
            return new Promise((done) => {
                tpm.device.connect(() => done(true));
                tpm.device.socket.once('error', () => done(false));
            });
        }, 'the software TPM to listen');
        return tpm;
    }

    // Who signs with what is inside: as it comes from Microsoft, only reached by another way.
    client(registrationId) {
        const access = new tss.Tpm(false);
        access.device = { connect: (done) => { setImmediate(done, null); return null; },
                          dispatchCommand: (...all) => this.device.dispatchCommand(...all),
                          close: () => {} };
        return new securityTpm.TpmSecurityClient(registrationId, access);
    }

    async keys(client = this.client('any')) {
        const ask = (name) => new Promise((done, fail) => client[name]((error, key) => {
            if (error) fail(error);
            else done(key.toString('base64'));
        }));
        return { endorsementKey: await ask('getEndorsementKey'),
                 storageRootKey: await ask('getStorageRootKey') };
    }
}
