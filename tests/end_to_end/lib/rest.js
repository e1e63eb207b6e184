// The service door without an SDK: one HTTPS request, everything about the answer.
import { Agent, request } from 'node:https';
import { withDeadline } from './wait.js';
import { parseConnectionString, sasToken } from './sas.js';

export const api_version = '2021-04-12';

export class Rest {
    #agent;

    constructor(hub, connectionString = hub.connectionString) {
        this.hub = hub;
        this.credentials = parseConnectionString(connectionString);
        this.#agent = new Agent({ keepAlive: true, ca: hub.ca, servername: hub.host });
    }

    token(changes = {}) {
        return sasToken({
            resource: this.hub.host, key: this.credentials.SharedAccessKey,
            policy: this.credentials.SharedAccessKeyName, ...changes,
        });
    }

    // `path` gets an api-version when it has no query. `body` is text, bytes, or a value to be
    // written as JSON. A header set to undefined is left out.
    async send(method, path, { body, headers = {} } = {}) {
        const bytes = body === undefined || typeof body === 'string' || Buffer.isBuffer(body)
            ? body : JSON.stringify(body);
        const all = {
            Host: this.hub.host,
            Authorization: this.token(),
            ...(bytes === undefined ? {} : {
                'Content-Type': 'application/json; charset=utf-8',
                'Content-Length': Buffer.byteLength(bytes),
            }),
            ...headers,
        };
        for (const [name, value] of Object.entries(all)) if (value === undefined) delete all[name];
        const options = {
            agent: this.#agent, host: this.hub.address, port: this.hub.httpsPort, method,
            path: path.includes('?') ? path : `${path}?api-version=${api_version}`, headers: all,
        };
        return withDeadline(exchange(options, bytes), `the answer to ${method} ${path}`);
    }

    get(path, headers) { return this.send('GET', path, { headers }); }
    put(path, body, headers) { return this.send('PUT', path, { body, headers }); }
    patch(path, body, headers) { return this.send('PATCH', path, { body, headers }); }
    post(path, body, headers) { return this.send('POST', path, { body, headers }); }
    delete(path, headers) { return this.send('DELETE', path, { headers }); }

    close() { this.#agent.destroy(); }
}

function exchange(options, bytes) {
    return new Promise((resolve, reject) => {
        const outgoing = request(options, (incoming) => {
            const chunks = [];
            incoming.on('data', (chunk) => chunks.push(chunk));
            incoming.on('error', reject);
            incoming.on('end', () => resolve(answer(incoming, Buffer.concat(chunks))));
        });
        outgoing.on('error', reject);
        outgoing.end(bytes);
    });
}

function answer(incoming, body) {
    const { statusCode: status, headers } = incoming;
    return {
        status, headers, body, text: body.toString(),
        get json() { return JSON.parse(this.text); },
        // "ErrorCode:Name;text" -> Name
        get errorName() { return /^ErrorCode:([A-Za-z0-9]+);/.exec(this.json.Message)?.[1]; },
    };
}
