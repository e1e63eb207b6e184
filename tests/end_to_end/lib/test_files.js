// Runs test files one after the other with Node's runner, says how many tests passed.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const test_milliseconds_max = 300_000; // a test that hangs must not hang them all

export async function runTestFiles(files, { folder, env = {} }) {
    const tap = join(folder, 'results.tap');
    const tests = spawn(process.execPath, [
        '--test', '--test-concurrency=1', `--test-timeout=${test_milliseconds_max}`,
        '--test-reporter=spec', '--test-reporter-destination=stdout',
        '--test-reporter=tap', `--test-reporter-destination=${tap}`, ...files],
        { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
    await new Promise((done) => tests.once('exit', done));
    const results = readFileSync(tap, 'utf8');
    const number = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(results)?.[1] ?? 0);
    return { passed: number('pass'), failed: number('fail') + number('cancelled'),
             skipped: number('skipped') };
}
