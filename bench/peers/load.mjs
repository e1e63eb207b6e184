// Runs twinhub_load and reads its line of JSON.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { runAsync } from './process.mjs';

const root = path.resolve(import.meta.dirname, '../..');

export function loadBinary() {
    const binary = process.env.TWINHUB_LOAD_BINARY ?? path.join(root, 'build/release/bench/twinhub_load');
    if (!existsSync(binary)) throw new Error(`no ${binary}: cmake --preset release && ninja -C build/release twinhub_load`);
    return binary;
}

// options: { port, devices, rate, ... } become --port etc.; true becomes a flag, an array is repeated.
export async function load(mode, options, environment = {}) {
    const args = [mode];
    for (const [name, value] of Object.entries(options)) {
        const flag = `--${name.replaceAll('_', '-')}`;
        if (value === true) args.push(flag);
        else if (value !== undefined && value !== false)
            for (const one of [value].flat()) args.push(flag, String(one));
    }
    // 1: it has something bad to say, and says it in the line.
    const out = await runAsync(loadBinary(), args, { accepts: [0, 1], env: { ...process.env, ...environment } });
    return JSON.parse(out.trim().split('\n').at(-1));
}
