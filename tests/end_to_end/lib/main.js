// Starts one hub, runs the test files against it, says how many tests passed.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Hub } from './hub.js';
import { runTestFiles } from './test_files.js';
import { authority } from './x509.js';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const quick_files = ['registry.test.js', 'twin_desired.test.js', 'twin_device.test.js'];

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const named = words.filter((word) => !word.startsWith('--'));
const files = readdirSync(here).filter((name) => name.endsWith('.test.js'))
    .filter((name) => !quick || quick_files.includes(name))
    .filter((name) => named.length === 0 || named.some((part) => name.includes(part)))
    .map((name) => join(here, name));

const runTests = (hub) => runTestFiles(files, { folder: hub.folder, env: {
    TWINHUB_TEST_HUB: hub.describe(), NODE_EXTRA_CA_CERTS: join(hub.dataFolder, 'ca.pem') } });

let [passed, failed] = [0, 0];
const folder = Hub.newFolder();
try {
    // The devices' authority has to be known to the hub before it starts.
    const trusted = authority(folder, 'device-authority');
    mkdirSync(join(folder, 'data'));
    const config = join(folder, 'config.yaml');
    writeFileSync(config, `auth:\n  device_cas:\n    - ${trusted.file}\n`
        + 'provisioning:\n  retry_after: 1s\n  failures_per_minute: 1000\n');
    const hub = await Hub.start({ folder, config });
    ({ passed, failed } = await runTests(hub));
    await hub.stop();
    if (failed > 0) console.log(`the hub's log ends:\n${hub.log()}`);
    hub.remove();
} catch (error) {
    console.error(error);
    failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
