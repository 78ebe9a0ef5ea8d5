import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import CountingReporter from '../real/counting-reporter.ts';

// One after the other: each cuts the power of a file system of its own, and the machine has other work.
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/mount/**/*.mount.ts'],
    fileParallelism: false,
    disableConsoleIntercept: true,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    reporters: [new CountingReporter()],
  },
});
