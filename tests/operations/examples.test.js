// The stories that a newcomer runs, as printed in examples/README.md, with fewer devices.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { binary } from '../end_to_end/lib/hub.js';

const root = resolve(import.meta.dirname, '../..');

function run(script, variables) {
    return new Promise((done) => {
        let output = '';
        const child = spawn('bash', [resolve(root, 'examples', script)], {
            env: { ...process.env, TWINHUB_BINARY: binary(), ...variables }, stdio: ['ignore', 'pipe', 'pipe'],
        });
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
        child.on('close', (code) => done({ code, output }));
    });
}

// One after the other, on the same ports: each must end what it has started.
for (const [script, devices] of [['greenhouses.sh', 80], ['bus_cameras.sh', 60], ['construction_machines.sh', 40]])
    test(`examples/${script} reaches its outcome`, async () => {
        const { code, output } = await run(script, { DEVICES: String(devices) });
        assert.equal(code, 0, output.slice(-4000));
    });
