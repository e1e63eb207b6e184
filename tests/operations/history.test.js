// The past of twins, through the program and over a kill.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metric, newDevice, newHub, twinhub } from './lib/operator.js';

const anywhere = ['--listen-addresses', '127.0.0.1'];

test('history survives a kill, shows two lives and restores', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    const run = async (...words) => {
        const answer = await twinhub(words, { env: { TWINHUB_DATA: hub.dataFolder } });
        assert.equal(answer.code, 0, `${words.join(' ')}: ${answer.err}`);
        return answer;
    };
    const desired = async () =>
        (await run('device-twin', 'show', '-d', 'd1')).json.properties.desired;
    await newDevice(hub, 'd1');
    await run('device-twin', 'update', '-d', 'd1', '--desired', '{"fan":{"speed":1}}');
    const between = new Date().toISOString();
    await run('device-twin', 'update', '-d', 'd1', '--desired', '{"fan":{"speed":9},"led":true}');

    await hub.kill();
    await hub.start();

    const history = (await run('device-twin', 'history', '-d', 'd1')).json;
    assert.deepEqual(history.map((change) => change.kind), ['twin', 'twin', 'created']);
    assert.deepEqual(history[0].leaves[0], { part: 'desired', path: 'fan.speed', before: 1, after: 9,
                                             state: 'offline' });
    const table = (await run('device-twin', 'history', '-d', 'd1', '--output', 'table')).out;
    assert.match(table, /fan\.speed: 1 -> 9, led: - -> true/);

    for (const moment of [between, '2'])
        assert.equal((await run('device-twin', 'show', '-d', 'd1', '--as-of', moment))
            .json.properties.desired.fan.speed, 1);
    assert.deepEqual((await run('device-twin', 'diff', '-d', 'd1', '--from', between)).json, [
        { part: 'desired', path: 'fan.speed', before: 1, after: 9 },
        { part: 'desired', path: 'led', after: true }]);

    await run('device-twin', 'restore', '-d', 'd1', '--to', between, '--path', 'fan',
              '--reason', 'too loud');
    assert.equal((await desired()).fan.speed, 1);
    assert.equal((await desired()).led, true);
    const newest = (await run('device-twin', 'history', '-d', 'd1', '--top', '1')).json;
    assert.equal(newest.length, 1);
    assert.equal(newest[0].cause, 'rollback');
    assert.equal(newest[0].reason, 'too loud');

    await run('device-identity', 'delete', '-d', 'd1');
    await newDevice(hub, 'd1');
    const lives = (await run('device-twin', 'history', '-d', 'd1')).json;
    assert.deepEqual(lives.map((change) => change.kind),
                     ['created', 'deleted', 'twin', 'twin', 'twin', 'created']);
    assert.equal((await run('device-twin', 'show', '-d', 'd1', '--as-of', between))
        .json.properties.desired.fan.speed, 1);
    assert.ok(await metric(hub, 'twin_store_memory_bytes{family="changes"}') > 0);
});

test('what a query selects is restored only with its number', async (t) => {
    const hub = await newHub(t, { arguments: anywhere });
    const run = (...words) => twinhub(words, { env: { TWINHUB_DATA: hub.dataFolder } });
    for (const id of ['d1', 'd2', 'd3']) {
        await newDevice(hub, id);
        await run('device-twin', 'update', '-d', id, '--desired', '{"mode":"auto"}', '--tags',
                  JSON.stringify({ site: id === 'd3' ? 'south' : 'north' }));
    }
    const between = new Date().toISOString();
    await run('device-twin', 'update', '-d', 'd1', '--desired', '{"mode":"off"}');
    await run('device-twin', 'update', '-d', 'd3', '--desired', '{"mode":"off"}');
    const words = ['device-twin', 'restore-all', '--query', "tags.site = 'north'", '--to', between,
                   '--part', 'desired'];

    const asked = await run(...words);
    assert.equal(asked.code, 2);
    assert.match(asked.err, /2 twins are selected.*--confirm 2/);
    assert.equal((await run(...words, '--confirm', '3')).code, 2);

    const done = await run(...words, '--confirm', '2');
    assert.equal(done.code, 0, done.err);
    assert.deepEqual(done.json, { selected: 2, restored: 1, unchanged: 1, failed: [] });
    const mode = async (id) =>
        (await run('device-twin', 'show', '-d', id)).json.properties.desired.mode;
    assert.equal(await mode('d1'), 'auto');
    assert.equal(await mode('d3'), 'off');
    assert.equal((await run(...words, '--confirm', '2')).json.restored, 0);
});
