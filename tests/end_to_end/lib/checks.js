// Checks that run one after the other in one program, each told and counted.
export class Checks {
    passed = 0;
    failed = 0;

    async check(name, run) {
        const begin = Date.now();
        try {
            await run();
            this.passed += 1;
            console.log(`ok ${name} (${Date.now() - begin} ms)`);
        } catch (error) {
            this.failed += 1;
            console.log(`NOT OK ${name}\n    ${error.stack.replaceAll('\n', '\n    ')}`);
        }
    }

    // What kept the checks from going on is a failure, too.
    broken(error) {
        this.failed += 1;
        console.error(error);
    }

    // The last line, and the exit code of a program that made them all.
    end() {
        console.log(`${this.passed} passed, ${this.failed} failed`);
        return this.failed > 0 || this.passed === 0 ? 1 : 0;
    }
}
