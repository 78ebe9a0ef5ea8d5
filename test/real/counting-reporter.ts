import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { type Counts, noCounts } from './counts.ts';

/** Prints one line per scenario as it ends, what went wrong below it, and leaves the counts in a file for run.ts. */
export default class CountingReporter implements Reporter {
  #counts: Counts = noCounts;
  #filtered = false;

  onTestRunStart(): void {
    this.#filtered = process.env['OPENCLAW_IMMUNE_TEST_ONLY'] !== undefined;
  }

  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    const seconds = `${((test.diagnostic()?.duration ?? 0) / 1_000).toFixed(1)} s`;
    if (result.state === 'passed') {
      this.#counts = { ...this.#counts, passed: this.#counts.passed + 1 };
      console.log(`  passed   ${test.fullName} (${seconds})`);
    } else if (result.state === 'skipped') {
      this.#skipped(test, result.note);
    } else {
      this.#failed(`${test.fullName} (${seconds})`, result.errors ?? []);
    }
  }

  #skipped(test: TestCase, note: string | undefined): void {
    if (note !== undefined) {
      this.#counts = { ...this.#counts, skipped: this.#counts.skipped + 1 };
      console.log(`  skipped  ${test.fullName}: ${note}`);
    } else if (!this.#filtered) {
      // A skip nobody explains hides a scenario that should run.
      this.#failed(test.fullName, [{ message: 'skipped without a reason' }]);
    }
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    for (const module of modules) {
      const errors = module.errors();
      if (errors.length > 0) this.#failed(module.relativeModuleId, errors);
    }
    if (unhandled.length > 0) this.#failed('an error outside every scenario', unhandled);
    const file = process.env['OPENCLAW_IMMUNE_TEST_COUNTS'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(this.#counts));
  }

  #failed(name: string, errors: readonly { readonly message?: string; readonly stack?: string }[]): void {
    this.#counts = { ...this.#counts, failed: this.#counts.failed + 1 };
    console.log(`  FAILED   ${name}`);
    for (const error of errors) {
      console.log(indent(error.message ?? 'no message'));
      if (error.stack !== undefined) console.log(indent(error.stack));
    }
  }
}

const indent = (text: string): string => text.replace(/^/gm, '           ');
