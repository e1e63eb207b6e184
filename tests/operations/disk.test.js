// A disk that is full, and has space again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../end_to_end/lib/wait.js';
import { ask, later, newDevice, newFolder, newHub, twinhub } from './lib/operator.js';

const disk_megabytes = 160;  // the store keeps 64 of them free for its own work

// A small disk of our own, or the reason why there is none.
function mountSmallDisk(folder) {
    try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${disk_megabytes}m,mode=0700`, 'tmpfs', folder],
                     { stdio: ['ignore', 'ignore', 'pipe'] });
        return undefined;
    } catch (error) {
        return `no small disk can be mounted here: ${String(error.stderr ?? error).trim()}`;
    }
}

// Takes all the space that is left. Returns the file.
function fill(folder) {
    const path = join(folder, 'filler');
    const file = openSync(path, 'w');
    for (const size of [2 ** 20, 4096, 1])
        try { for (;;) writeSync(file, Buffer.alloc(size)); } catch (error) {
            assert.equal(error.code, 'ENOSPC');
        }
    closeSync(file);
    return path;
}

test('a full disk: writes are refused, reads go on, all is well when there is space again',
     async (t) => {
    const folder = newFolder(t);
    const disk = join(folder, 'data');
    mkdirSync(disk);
    const why = mountSmallDisk(disk);
    if (why) return t.skip(why);
    later(t, () => execFileSync('umount', [disk]));
    const hub = await newHub(t, { folder });
    await newDevice(hub, 'press');
    const patch = (n) => ask(hub, 'PATCH', '/twins/press', { body: {
        properties: { desired: { n, text: 'x'.repeat(3000) } } } });
    assert.equal((await patch(0)).status, 200);
    const filler = fill(disk);
    let acknowledged = 0;
    const refused = await until(async () => {
        const answer = await patch(acknowledged + 1);
        if (answer.status >= 500) return answer;
        assert.equal(answer.status, 200);
        acknowledged += 1;
        return undefined;
    }, 'a write to be refused', 60_000);
    assert.match(refused.json.Message, /^ErrorCode:\w+;/);
    assert.equal(await hub.status('/healthz'), 200, 'alive');
    await until(async () => await hub.status('/readyz') === 503, '/readyz to say so');
    const kept = (await ask(hub, 'GET', '/twins/press')).json;
    assert.equal(kept.properties.desired.n, acknowledged, 'what was acknowledged, nothing else');
    assert.equal((await ask(hub, 'GET', '/devices')).status, 200);
    assert.match(hub.text(), /No space left|full|space/, 'the log says why');

    rmSync(filler);
    // Either the hub goes on by itself, or it says that it must be started again.
    const recovered = await until(async () => (await patch(acknowledged + 1)).status === 200,
                                  'writes to be taken again', 30_000).catch(() => false);
    if (!recovered) {
        const ready = await (await fetch(`http://127.0.0.1:${hub.metricsPort}/readyz`)).text();
        assert.match(ready, /restart/i, 'says what to do');
        await hub.stop();
        await hub.start();
        assert.equal((await ask(hub, 'GET', '/twins/press')).json.properties.desired.n, acknowledged);
        assert.equal((await patch(acknowledged + 1)).status, 200);
    }
    assert.equal(await hub.status('/readyz'), 200);
    assert.equal((await ask(hub, 'GET', '/twins/press')).json.properties.desired.n, acknowledged + 1);
});

test('a data folder that cannot be written is named', async (t) => {
    const folder = newFolder(t);
    writeFileSync(join(folder, 'file'), '');
    const answer = await twinhub(['serve', '--data', join(folder, 'file', 'data')]);
    assert.equal(answer.code, 1);
    assert.match(answer.err, /cannot make the data folder '.*file\/data'/);
});
