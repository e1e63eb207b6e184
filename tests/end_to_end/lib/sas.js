// Shared access signatures in every spelling that clients use (specification: device-protocols 6.1).
import { createHmac, randomBytes } from 'node:crypto';

export const secondsFromNow = (seconds) => Math.floor(Date.now() / 1000) + seconds;

export const spellings = {
    upperHex: (text) => encodeURIComponent(text),
    lowerHex: (text) =>
        encodeURIComponent(text).replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    plain: (text) => text,
};

export function signature(key, resourceAsSent, expiry) {
    return createHmac('sha256', Buffer.from(key, 'base64'))
        .update(`${resourceAsSent}\n${expiry}`)
        .digest('base64');
}

// `resource` is decoded text; `spelling` writes it into the token. `policy` adds `skn`.
// `order` lists the fields as they shall appear.
export function sasToken({
    resource, key, policy, expiry = secondsFromNow(3600), spelling = spellings.upperHex,
    order = ['sr', 'sig', 'se', 'skn'], signatureSpelling = spellings.upperHex,
}) {
    const sr = spelling(resource);
    const fields = {
        sr, se: String(expiry), sig: signatureSpelling(signature(key, sr, expiry)),
        skn: policy && encodeURIComponent(policy),
    };
    const present = order.filter((name) => fields[name] !== undefined);
    return `SharedAccessSignature ${present.map((name) => `${name}=${fields[name]}`).join('&')}`;
}

// "HostName=h;SharedAccessKey=k=" -> {HostName: 'h', SharedAccessKey: 'k='}
export function parseConnectionString(text) {
    const pairs = text.trim().split(';').filter(Boolean);
    return Object.fromEntries(pairs.map((pair) => {
        const equals = pair.indexOf('=');
        return [pair.slice(0, equals), pair.slice(equals + 1)];
    }));
}

export const randomKey = (bytes = 32) => randomBytes(bytes).toString('base64');
