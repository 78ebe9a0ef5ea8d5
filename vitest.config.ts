import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
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
