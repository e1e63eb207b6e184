// One merge-patch UPDATE (or one SELECT) a message, on 32 pooled connections; answers on a topic.
import mqtt from 'mqtt';
import pg from 'pg';

const pool = new pg.Pool({ max: 32, idleTimeoutMillis: 0 });
const client = mqtt.connect(process.env.MQTT_URL, { clientId: 'bridge', protocolVersion: 4, reconnectPeriod: 1000 });

const report = {
    name: 'report',
    text: `update twins set reported = merge_patch(reported, $2::jsonb), reported_version = reported_version + 1,
             version = version + 1, updated_at = now()
           where id = $1 and ($3::bigint is null or reported_version = $3) returning reported_version`,
};
const get = { name: 'get', text: 'select desired, desired_version, reported, reported_version from twins where id = $1' };

async function answer(device, kind, payload) {
    if (kind === 'PATCH') {
        JSON.parse(payload);   // a bridge checks what it stores
        const { rowCount } = await pool.query({ ...report, values: [device, payload, null] });
        return rowCount === 1 ? [204, ''] : [404, ''];
    }
    const { rows: [row] } = await pool.query({ ...get, values: [device] });
    if (!row) return [404, ''];
    return [200, JSON.stringify({
        desired: { ...row.desired, $version: Number(row.desired_version) },
        reported: { ...row.reported, $version: Number(row.reported_version) },
    })];
}

client.on('message', async (topic, payload) => {
    const [, device, kind, request] = topic.split('/');
    let result;
    try {
        result = await answer(device, kind, payload.toString());
    } catch {
        result = [400, ''];
    }
    client.publish(`twin/${device}/res/${result[0]}/${request}`, result[1]);
});

client.on('connect', async () => {
    await client.subscribeAsync(['twin/+/PATCH/+', 'twin/+/GET/+']);
    await Promise.all(Array.from({ length: 32 }, () => pool.query('select pg_sleep(0.05)')));   // open them all
    console.log('ready');
});
process.on('SIGTERM', () => process.exit(0));
