import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import CountingReporter from '../real/counting-reporter.ts';

export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/real/**', 'node_modules/**'],
    maxWorkers: 2,
    disableConsoleIntercept: true,
    testTimeout: 30_000,
    reporters: [new CountingReporter()],
  },
});
