// The operator's command line, asked of the hub under test.
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { hub } from './fixture.js';
import { binary } from './hub.js';

// Words that lead any command to the hub.
export const login = () => ['--login', hub.connectionString, '--ca-file', `${hub.dataFolder}/ca.pem`,
    '--port', String(hub.httpsPort)];

function run(words) {
    return spawnSync(binary(), [...words, ...login()], { encoding: 'utf8', timeout: 60_000 });
}

export function twinhub(...words) {
    const { status, stdout, stderr } = run(words);
    assert.equal(status, 0, `${words.join(' ')}\n${stdout}${stderr}`);
    return stdout;
}

// What it says when it refuses.
export function twinhubFails(...words) {
    const { status, stdout, stderr } = run(words);
    assert.notEqual(status, 0, `${words.join(' ')} went well:\n${stdout}`);
    return stdout + stderr;
}

export const explain = (deviceId) => twinhub('drift', 'explain', '--device-id', deviceId);
