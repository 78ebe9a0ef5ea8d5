import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Most of the time is spent waiting for real processes: two files at a time even where there are two processors, of
    // which vitest would leave one idle.
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      // The core is pure, so every branch of it can be shown; a file of types alone counts for nothing.
      include: ['src/core/**'],
      reporter: ['text-summary'],
      thresholds: { 100: true },
    },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**', 'test/architecture.test.ts', 'node_modules/**'],
          testTimeout: 30_000,
          globalSetup: ['test/tools/system-tools.ts'],
        },
      },
      { test: { name: 'architecture', include: ['test/architecture.test.ts'], testTimeout: 30_000 } },
    ],
  },
});
