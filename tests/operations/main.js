// Runs the test files; each starts the hubs that it needs.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTestFiles } from '../end_to_end/lib/test_files.js';

const here = dirname(fileURLToPath(import.meta.url));
const named = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const files = readdirSync(here).filter((name) => name.endsWith('.test.js'))
    .filter((name) => named.length === 0 || named.some((part) => name.includes(part)))
    .map((name) => join(here, name));

// The developer's own hub, if there is one, must not be found.
for (const name of Object.keys(process.env))
    if (/^(TWINHUB_(?!BINARY|SHARE_NETWORK)|IOTHUB_)/.test(name)) delete process.env[name];

let [passed, failed] = [0, 1];
const folder = mkdtempSync(join(tmpdir(), 'twinhub-operations-'));
try {
    ({ passed, failed } = await runTestFiles(files, { folder }));
} catch (error) {
    console.error(error);
}
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
