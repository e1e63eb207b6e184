// Changes the store's own record as another release would have written it. The record is looked for in
// RocksDB's log, so the server must have been killed soon after its first start.
//
// A log is blocks of 32 KiB; a record in it is checksum (4, masked CRC-32C of what follows the
// length), length (2), type (1), data. Our record (store/record.h) is magic, kind, format (2),
// length of the body (4), CRC-32C of head, key and body (4), body "FORMAT\nHUB".
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const table = Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    return c >>> 0;
});

export function crc32c(...parts) {
    let crc = 0xffffffff;
    for (const part of parts) for (const byte of part) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
    return (crc ^ 0xffffffff) >>> 0;
}

const masked = (crc) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
const frame_bytes = 12;

export function rewriteOwner(store, change) {
    let found = 0;
    for (const name of readdirSync(store).filter((file) => /^\d+\.log$/.test(file))) {
        const path = join(store, name);
        const log = readFileSync(path);
        for (let at = 0; at + 7 < log.length;) {
            const length = log.readUInt16LE(at + 4);
            if (log[at + 6] === 0) break;
            const data = log.subarray(at + 7, at + 7 + length);
            if (rewriteIn(data, change)) {
                found += 1;
                log.writeUInt32LE(masked(crc32c(log.subarray(at + 6, at + 7 + length))), at);
            }
            at += 7 + length;
            if (32768 - (at % 32768) < 7) at += 32768 - (at % 32768);
        }
        writeFileSync(path, log);
    }
    assert.equal(found, 1, 'the record is in the log');
}

const key = Buffer.from('Sowner'); // of the area of the store's own records

// The new body must be as long as the old one.
function rewriteIn(data, change) {
    const at = data.indexOf(Buffer.concat([Buffer.from([key.length]), key]));
    if (at < 0) return false;
    const value = at + 1 + key.length + 1; // behind the lengths of key and value
    const head = data.subarray(value, value + 8);
    const body = data.subarray(value + frame_bytes,
                               value + frame_bytes + data.readUInt32LE(value + 4));
    const [format, hub] = body.toString().split('\n');
    const next = change({ format: Number(format), hub });
    const text = Buffer.from(`${next.format}\n${next.hub}`);
    assert.equal(text.length, body.length);
    text.copy(body);
    data.writeUInt32LE(crc32c(head, key, body), value + 8);
    return true;
}
