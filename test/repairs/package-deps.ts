import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type PackageRepairDeps, vaultIn } from '../../src/repairs/package-ground.ts';

/** As a child process makes them, too. */
export function depsOf(
  { quarantine, archives }: { readonly quarantine: string; readonly archives: string },
  now: PackageRepairDeps['now'],
): PackageRepairDeps {
  return {
    quarantine,
    vault: vaultIn(archives),
    plan: async () => ({ kind: 'missing', because: 'there is no plan' }),
    packageWork: async () => null,
    // As sound as its entry file: the real judgement has tests of its own.
    sound: async (root) =>
      existsSync(join(root, 'dist', 'index.js')) && existsSync(join(root, 'package.json'))
        ? { kind: 'sound' }
        : { kind: 'unsound', because: 'dist/index.js is missing' },
    incident: () => 'I1',
    now,
  };
}
