// What users would otherwise build: Mosquitto (TLS) + a Node bridge + PostgreSQL. Devices publish a
// patch to twin/{id}/PATCH/{rid}; the durable answer comes on twin/{id}/res/{status}/{rid}.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { run, start, stop, waitUntil } from './process.mjs';
import { startMosquitto } from './mosquitto.mjs';
import { loadTwins, startPostgres } from './postgresql.mjs';

const bridgeFolder = path.join(import.meta.dirname, 'bridge');

export const topics = {
    request_topic: 'twin/{id}/PATCH/{rid}', get_topic: 'twin/{id}/GET/{rid}', response_topic: 'twin/{id}/res',
    no_sign_in: true,
};

export async function startPipeline({ twins, cluster: given }) {
    if (!existsSync(path.join(bridgeFolder, 'node_modules'))) run('npm', ['ci', '--silent'], { cwd: bridgeFolder });
    const broker = await startMosquitto();
    const cluster = given ?? await startPostgres();
    if (!given) await loadTwins(cluster, twins);
    const bridge = start('node', [path.join(bridgeFolder, 'bridge.mjs')], {
        env: {
            ...process.env, MQTT_URL: `mqtt://127.0.0.1:${broker.plainPort}`,
            PGHOST: cluster.folder, PGPORT: String(cluster.port), PGUSER: cluster.user, PGDATABASE: cluster.database,
        },
    });
    await waitUntil(() => bridge.text.includes('ready'), 20, 'bridge', bridge);
    return {
        port: broker.port, ca: broker.ca, cluster, pids: [...broker.pids, bridge.pid, ...cluster.pids],
        stop: async () => {
            await stop(bridge);
            await broker.stop();
            if (!given) await cluster.stop();
        },
    };
}
