// What the documents print as runnable works as printed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { binary } from '../end_to_end/lib/hub.js';
import { newHub } from './lib/operator.js';

const text = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

// The blocks below a mark of their own, in order.
const runnable = (path) =>
    [...text(path).matchAll(/<!-- runnable -->\n```sh\n([^]*?)```/g)].map((match) => match[1]);

function shell(script, env) {
    const child = spawn('bash', ['-euc', script], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...env, PATH: `${dirname(binary())}:${process.env.PATH}` } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { output += data; });
    return new Promise((done) => child.once('close', (code) => done({ code, output })));
}

for (const path of ['README.md', 'docs/cli.md', 'docs/operations.md', 'docs/queries.md', 'docs/connections.md'])
    test(`the runnable blocks of ${path} run as printed`, async (t) => {
        const blocks = runnable(path);
        assert.ok(blocks.length > 0);
        const hub = await newHub(t);
        for (const block of blocks) {
            // A line that fails ends the block; -x says which one it was.
            const { code, output } = await shell(`set -x\n${block}`, { TWINHUB_DATA: hub.dataFolder });
            assert.equal(code, 0, `${block}\n${output}`);
        }
    });

test('the links of the documents lead somewhere', () => {
    const documents = readdirSync(new URL('../../docs/', import.meta.url))
        .filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
    for (const path of [...documents, 'README.md', 'docs/spec/DECISIONS.md', 'docs/spec/README.md',
                        'CONTRIBUTING.md'])
        for (const [, link] of text(path).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
            const target = new URL(link, new URL(`../../${path}`, import.meta.url));
            assert.doesNotThrow(() => readFileSync(target), `${path}: ${link}`);
        }
});

test('the vectors of the query language are those of the specification', () => {
    assert.equal(text('tests/conformance/query-conformance.json'),
                 text('docs/spec/query-conformance.json'));
});
