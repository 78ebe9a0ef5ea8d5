import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { endProcessesOfHome, isLivingRun, nameOfThisRun } from './processes.ts';

/** The folder this harness runs from: the checkout, or the copy of it the test user can read. */
export const checkout = resolve(import.meta.dirname, '../..');

/** OpenClaw and warmed homes are kept here between runs; nothing in it is needed to be kept. */
export function cacheFolder(): string {
  const folder = process.env['OPENCLAW_IMMUNE_TEST_CACHE'] ?? join(homedir(), '.cache', 'openclaw-immune');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // OpenClaw refuses service commands on a state directory reached through a symbolic link.
  return realpathSync(folder);
}

export const newestVersion = '2026.9.6';
export const olderVersion = '2026.6.6';
/** Only with `--all`: it speaks protocol 3 and takes half a minute to boot. */
export const oldestVersion = '2026.4.29';

/** The label OpenClaw gives its gateway's LaunchAgent. */
export const gatewayLabel = 'ai.openclaw.gateway';

/** One folder for every run of the harness; its processes inherit the name of it. */
export function runFolder(): string {
  const given = process.env['OPENCLAW_IMMUNE_TEST_RUN'];
  if (given !== undefined) return given;
  // Half of a run is given the name of the whole: nobody outside its namespace knows its own process.
  const name = process.env['OPENCLAW_IMMUNE_TEST_NAME'] ?? nameOfThisRun();
  const folder = join(cacheFolder(), 'runs', name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  process.env['OPENCLAW_IMMUNE_TEST_RUN'] = folder;
  return folder;
}

/** Ends what crashed runs left running and removes their folders. A run whose process still lives is left alone. */
export async function cleanUpCrashedRuns(): Promise<void> {
  const runs = join(cacheFolder(), 'runs');
  mkdirSync(runs, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(runs)) {
    if (isLivingRun(name)) continue;
    await endProcessesOfHome(join(runs, name));
    rmSync(join(runs, name), { recursive: true, force: true });
  }
}

export const shortHash = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 8);
