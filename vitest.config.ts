/** Two test projects: `unit` needs only npm packages, `servers` starts real peers and treats a skip as a failure in CI. */

import { defineConfig } from 'vitest/config';

const shared = {
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // A fact that is waited for may take long on a busy machine.
  expect: { poll: { timeout: 30_000 } },
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/servers/**'] } },
      {
        test: {
          ...shared,
          name: 'servers',
          include: ['test/servers/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
