// Runs every case against one hub and asks after each whether the hub still serves.
import { parseArgs } from 'node:util';
import { Checks } from '../end_to_end/lib/checks.js';
import { certificateCases } from './certificate_cases.js';
import { Harness } from './harness.js';
import { httpCases } from './http_cases.js';
import { mqttCases } from './mqtt_cases.js';
import { assertCutOff, slow, tlsCases } from './slow_cases.js';

const { values: options } = parseArgs({ options: {
    only: { type: 'string', default: '' },                         // part of a case's name
    'memory-growth-megabytes': { type: 'string', default: '64' },  // more for sanitizer builds
} });

const checks = new Checks();

let harness;
try {
    harness = await Harness.start(Number(options['memory-growth-megabytes']) * 2 ** 20);
    const chosen = ({ name }) => name.includes(options.only);
    const begun = [];
    for (const [what, begin] of Object.entries(slow)) {
        const name = `slow: ${what}`;
        if (chosen({ name })) begun.push([name, await begin(harness)]);
    }
    await checks.check('the hub serves beside slow clients', () => harness.assertServes());
    for (const { name, run } of [...tlsCases(), ...certificateCases(), ...mqttCases(),
                                   ...httpCases()].filter(chosen))
        await checks.check(name, async () => {
            await run(harness);
            await harness.assertServes();
        });
    for (const [name, wires] of begun)
        await checks.check(`${name} are cut off`, async () => {
            await assertCutOff(wires);
            await harness.assertServes();
        });
    await checks.check('the hub ends in order', () => harness.stop());
    if (checks.failed === 0) harness.hub.remove();
    else console.log(`the hub's log ends:\n${harness.hub.log()}`);
} catch (error) {
    checks.broken(error);
} finally {
    await harness?.abandon();
}
process.exitCode = checks.end();
