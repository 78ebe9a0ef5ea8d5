import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import CountingReporter from './counting-reporter.ts';

// One scenario after the other: each runs a gateway of 700 MB, and times are part of what is checked.
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/real/**/*.real.ts'],
    fileParallelism: false,
    maxWorkers: 1,
    // A scenario boots a gateway (12 s, more on a busy machine) and watches minutes of policy time.
    testTimeout: 300_000,
    hookTimeout: 120_000,
    reporters: [new CountingReporter()],
  },
});
