// Story 2: bus cameras. Settings follow the route tag by standing configurations; drift shows per
// depot; a key in a desired property is refused and nowhere to be found afterwards.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { Rest } from '../end_to_end/lib/rest.js';
import { until } from '../end_to_end/lib/wait.js';
import { accepts, newFleet } from './lib/fleet.js';
import { later, metrics, newHub } from './lib/operator.js';

const cameras = 60;
const routes = {
    harbour: { resolution: '1080p', upload: 60 },
    airport: { resolution: '2160p', upload: 15 },
    night: { resolution: '720p', upload: 300 },
};

async function configure(rest, route, settings) {
    const { status, text } = await rest.put(`/configurations/route-${route}`, {
        id: `route-${route}`, priority: 10, targetCondition: `tags.route = '${route}'`,
        content: { deviceContent: { 'properties.desired.camera': settings } } });
    assert.equal(status, 200, text);
}

async function newStory(t) {
    const hub = await newHub(t, { settings: 'drift:\n  pending_timeout: 5s\n' });
    const rest = new Rest(hub);
    later(t, () => rest.close());
    const names = Object.keys(routes);
    for (const name of names) await configure(rest, name, routes[name]);
    const fleet = await newFleet(t, hub, cameras, (i) => ({
        id: `cam-${i}`, tags: { depot: i % 2 ? 'north' : 'south', route: names[i % 3] },
        online: i % 10 !== 0 }));
    return { hub, rest, fleet };
}

const states = async (rest, where) =>
    (await rest.get(`/fleet/summary?where=${encodeURIComponent(where)}`)).json.states;
const moveTo = async (rest, camera, route) =>
    assert.equal((await rest.patch(`/twins/${camera.deviceId}`, { tags: { route } })).status, 200);
const newest = (camera) => camera.applied.at(-1)?.value;

test('settings follow the route of a bus, at once or when its camera comes back', async (t) => {
    const { rest, fleet } = await newStory(t);
    const online = fleet.filter((_, i) => i % 10 !== 0);
    await until(() => online.every((camera) => camera.applied.length > 0), 'the first settings', 60_000);
    for (const [i, camera] of fleet.entries())
        if (i % 10 !== 0) assert.deepEqual(newest(camera), Object.values(routes)[i % 3]);

    // The depot moves one bus that is under way, and one that stands with its camera off.
    await moveTo(rest, fleet[1], 'night');
    await moveTo(rest, fleet[10], 'airport');
    await until(() => newest(fleet[1])?.resolution === '720p', 'the settings of the night bus');
    await fleet[10].online();
    await until(() => newest(fleet[10])?.resolution === '2160p', 'the settings of the one that was off');
    assert.equal(fleet[10].applied.length, 1); // not those of the route before
    const { json } = await rest.get('/twins/cam-1');
    assert.equal(json.configurations['route-night'].status, 'Applied');
    assert.equal(json.configurations['route-airport'], undefined);
});

test('a camera that ignores its settings shows as drift of its depot within a minute', async (t) => {
    const { rest, fleet } = await newStory(t);
    const isNorth = `tags.depot = 'north'`;
    await until(async () => (await states(rest, isNorth)).converged === cameras / 2, 'north to converge',
                60_000);
    // From now on it reports what it likes.
    fleet[1].answer = (name, value) => ({ value: { ...value, upload: 3600 }, ac: 200 });
    await moveTo(rest, fleet[1], 'night');
    await until(async () => (await states(rest, isNorth)).drifted === 1, 'the drift of the depot', 60_000);
    const { json: drift } = await rest.get('/twins/cam-1/drift');
    const property = drift.properties.find(({ path }) => path === 'camera.upload');
    assert.deepEqual([property.state, property.desired, property.reported], ['drifted', 300, 3600]);
    assert.equal(property.by.kind, 'configuration');
    assert.equal(property.by.id, 'route-night');
});

test('a storage key in a desired property is refused, and nothing of it is kept', async (t) => {
    const { hub, rest } = await newStory(t);
    const secret = Array.from({ length: 86 }, (_, i) => String.fromCharCode(65 + (i * 7) % 26)).join('');
    const patch = { properties: { desired: { camera: { store:
        `DefaultEndpointsProtocol=https;AccountName=cams;Account${'Key'}=${secret}==` } } } };
    const { status, text } = await rest.patch('/twins/cam-1', patch);
    assert.equal(status, 400);
    assert.match(text, /properties\.desired\.camera\.store/);
    assert.match(text, /storage account's key/);
    const { status: refused } = await rest.put('/configurations/leak', {
        id: 'leak', targetCondition: "tags.route = 'night'",
        content: { deviceContent: { 'properties.desired.camera': patch.properties.desired.camera } } });
    assert.equal(refused, 400);
    const { status: job } = await rest.put('/jobs/v2/leak', {
        jobId: 'leak', type: 'scheduleUpdateTwin', queryCondition: '*',
        updateTwin: { etag: '*', ...patch } });
    assert.equal(job, 400);
    for (const where of [text, await metrics(hub), JSON.stringify((await rest.get('/twins/cam-1')).json)])
        assert.ok(!where.includes(secret.slice(10, 40)));
    await hub.stop();
    // grep: 1 = found nowhere below the folder, which holds the store and the log.
    assert.throws(() => execFileSync('grep', ['-rqaF', secret.slice(10, 40), hub.folder]),
                  ({ status: code }) => code === 1);
});
