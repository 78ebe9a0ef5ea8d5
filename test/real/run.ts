// The real part of the tests: OpenClaw from npm under a launchd double, as an unprivileged user.
//   npm run test:real -- [--all] [--only PATTERN]
// It ends with one plain line: N passed, N failed, N skipped.
import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import installSystemTools from '../tools/system-tools.ts';
import { formatCounts, readCounts, succeeded } from './counts.ts';
import { warmedHome } from './home-template.ts';
import { cachedNode, installedOpenClaw } from './openclaw-cache.ts';
import {
  checkout,
  cleanUpCrashedRuns,
  newestVersion,
  olderVersion,
  oldestVersion,
  runFolder,
} from './places.ts';
import { endProcessesOfHome } from './processes.ts';
import { copyCheckout, runAsUser, testUser } from './unprivileged.ts';

/** The whole real part: more than twice what it takes on two quiet cores. */
const runTimeoutMs = 50 * 60_000;

const { values } = parseArgs({
  options: { all: { type: 'boolean', default: false }, only: { type: 'string' } },
});

if (process.getuid?.() === 0) await runAsRoot();
else await runHere();

/** As root: prepares user, tools and a readable copy, lets the test user do the work, then tells what it counted. */
async function runAsRoot(): Promise<void> {
  installSystemTools();
  const user = testUser();
  const folder = copyCheckout(checkout, user);
  const results = mkdtempSync(join(tmpdir(), 'openclaw-immune-real-'));
  chownSync(results, user.uid, user.gid);
  const counts = join(results, 'counts.json');
  process.env['OPENCLAW_IMMUNE_TEST_COUNTS'] = counts;
  process.env['OPENCLAW_IMMUNE_TEST_OUTER'] = '1';
  await runAsUser(user, folder, ['test/real/run.ts', ...process.argv.slice(2)]);
  finish(counts);
  rmSync(results, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

async function runHere(): Promise<void> {
  await cleanUpCrashedRuns();
  const run = runFolder();
  const counts = process.env['OPENCLAW_IMMUNE_TEST_COUNTS'] ?? join(run, 'counts.json');
  process.env['OPENCLAW_IMMUNE_TEST_COUNTS'] = counts;
  if (values.only !== undefined) process.env['OPENCLAW_IMMUNE_TEST_ONLY'] = values.only;
  if (values.all) process.env['OPENCLAW_IMMUNE_TEST_ALL'] = '1';
  try {
    cachedNode();
    for (const version of [newestVersion, olderVersion, ...(values.all ? [oldestVersion] : [])]) {
      await installedOpenClaw(version);
      await warmedHome(version);
    }
    await runScenarios();
  } catch (error) {
    // Without OpenClaw there is nothing to run: no counts are left, and that is counted as one failure.
    console.error(error);
  } finally {
    await endProcessesOfHome(run);
  }
  // The process that the person started tells the sum, so that the line comes once and last.
  if (process.env['OPENCLAW_IMMUNE_TEST_OUTER'] === undefined) finish(counts);
  if (process.env['OPENCLAW_IMMUNE_TEST_KEEP'] === undefined) rmSync(run, { recursive: true, force: true });
}

function runScenarios(): Promise<void> {
  const vitest = join(checkout, 'node_modules', 'vitest', 'vitest.mjs');
  const only = values.only === undefined ? [] : ['--testNamePattern', values.only];
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'test/real/vitest.config.ts', ...only], {
    cwd: checkout,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const tooLong = setTimeout(() => {
    console.log(`  FAILED   the scenarios took longer than ${runTimeoutMs / 60_000} minutes`);
    child.kill('SIGKILL');
  }, runTimeoutMs);
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(tooLong);
      resolve();
    });
  });
}

function finish(file: string): void {
  const counts = readCounts(file);
  console.log(formatCounts(counts));
  process.exitCode = succeeded(counts) ? 0 : 1;
}
