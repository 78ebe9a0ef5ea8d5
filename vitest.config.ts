import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
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
