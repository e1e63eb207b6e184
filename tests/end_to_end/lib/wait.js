// Waiting for conditions. Every wait has a deadline and says what it waited for.

export const deadline_milliseconds = 10_000;

export function withDeadline(promise, what, milliseconds = deadline_milliseconds) {
    let timer;
    const expiry = new Promise((_, reject) => {
        timer = setTimeout(
            () => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds);
    });
    return Promise.race([promise, expiry]).finally(() => clearTimeout(timer));
}

// Asks `probe` again and again until it returns something true, and returns that.
export async function until(probe, what, milliseconds = deadline_milliseconds) {
    const end = Date.now() + milliseconds;
    for (;;) {
        const answer = await probe();
        if (answer) return answer;
        if (Date.now() > end) throw new Error(`waited ${milliseconds} ms for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}

// The arguments of the next event `name`.
export function nextEvent(emitter, name, what = `event '${name}'`) {
    return withDeadline(new Promise((resolve) => emitter.once(name, (...args) => resolve(args))),
                        what);
}

// A queue between a sender that calls `put` and one test that awaits `take`.
export class Inbox {
    #items = [];
    #ended = false;
    #wake = () => {};

    put(item) {
        this.#items.push(item);
        this.#wake();
    }

    // Nothing more will come: whoever waits gets an error.
    end() {
        this.#ended = true;
        this.#wake();
    }

    get size() { return this.#items.length; }

    // The first item that matches, removed together with everything before it.
    async take(matches = () => true, what = 'a message', milliseconds = deadline_milliseconds) {
        const found = new Promise((resolve, reject) => {
            this.#wake = () => {
                const index = this.#items.findIndex(matches);
                if (index >= 0) resolve(this.#items.splice(0, index + 1).at(-1));
                else if (this.#ended) reject(closedWhileWaiting(what));
                else return;
                this.#wake = () => {};
            };
            this.#wake();
        });
        return withDeadline(found, what, milliseconds);
    }

    async takeMany(count, what = `${count} messages`) {
        const items = [];
        while (items.length < count) items.push(await this.take(() => true, what));
        return items;
    }

    drain() { return this.#items.splice(0); }
}

function closedWhileWaiting(what) {
    const error = new Error(`the connection ended, waiting for ${what}`);
    error.code = 'ECONNRESET';
    return error;
}
