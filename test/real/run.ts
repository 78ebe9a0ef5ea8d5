// The real part of the tests: OpenClaw from npm under a launchd double, as an unprivileged user, without a network.
//   npm run test:real -- [--all] [--only PATTERN]
// It ends with one plain line: N passed, N failed, N skipped.
import { spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import installSystemTools from '../tools/system-tools.ts';
import { type Counts, formatCounts, noCounts, readCounts, succeeded } from './counts.ts';
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
import { endProcessesOfHome, nameOfThisRun } from './processes.ts';
import { copyCheckout, cutOff, runAsUser, type TestUser, testUser } from './unprivileged.ts';

/** The whole real part: half as long again as it takes on two quiet cores. */
const runTimeoutMs = 75 * 60_000;

const halves = ['1/2', '2/2'] as const;

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    only: { type: 'string' },
    // Of run.ts itself: everything that needs the network, and nothing else.
    prepare: { type: 'boolean', default: false },
  },
});

if (process.getuid?.() === 0) await runAsRoot();
else if (values.prepare) {
  await cleanUpCrashedRuns();
  await prepare();
} else await runHere();

/**
 * As root: makes user, tools and a readable copy, lets the test user install and warm up, and do the work in two halves,
 * each without the network and among its own processes alone; then tells what they counted.
 */
async function runAsRoot(): Promise<void> {
  installSystemTools();
  const user = testUser();
  const folder = copyCheckout(checkout, user);
  const results = mkdtempSync(join(tmpdir(), 'openclaw-immune-real-'));
  chownSync(results, user.uid, user.gid);
  process.env['OPENCLAW_IMMUNE_TEST_OUTER'] = '1';
  const args = ['test/real/run.ts', ...process.argv.slice(2)];
  const broken: Counts = { ...noCounts, failed: 1 };
  // Where that fails no scenario is run, which is one failure.
  const prepared = (await runAsUser({ user, folder }, [...args, '--prepare'])) === 0;
  const counts = prepared ? await runHalves({ user, folder, results }, args) : [broken];
  finish(counts);
  rmSync(results, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

async function runHalves(
  { user, folder, results }: { user: TestUser; folder: string; results: string },
  args: readonly string[],
): Promise<readonly Counts[]> {
  const behind = cutOff(folder);
  const half = async (shard: string): Promise<Counts> => {
    const counts = join(results, `counts-${shard[0]}.json`);
    const env = {
      OPENCLAW_IMMUNE_TEST_SHARD: shard,
      OPENCLAW_IMMUNE_TEST_NAME: `${nameOfThisRun()}-${shard[0]}`,
      OPENCLAW_IMMUNE_TEST_COUNTS: counts,
    };
    await runAsUser({ user, folder, env, ...(behind === null ? {} : { behind }) }, args);
    return readCounts(counts);
  };
  if (behind !== null) {
    process.env['OPENCLAW_IMMUNE_TEST_CUT_OFF'] = '1';
    return Promise.all(halves.map(half));
  }
  console.log(
    'NOT CUT OFF: no namespaces can be made here, so the scenarios have the network, and run one by one',
  );
  const counts: Counts[] = [];
  for (const shard of halves) counts.push(await half(shard));
  return counts;
}

/** All that the scenarios install or let OpenClaw download: the second time there is nothing to do. */
async function prepare(): Promise<void> {
  cachedNode();
  for (const version of [newestVersion, olderVersion, oldestVersion]) {
    await installedOpenClaw(version);
    await warmedHome(version);
  }
}

async function runHere(): Promise<void> {
  // Half of a run sees none of the other half's processes, and would take it for crashed.
  if (process.env['OPENCLAW_IMMUNE_TEST_SHARD'] === undefined) await cleanUpCrashedRuns();
  const run = runFolder();
  const counts = process.env['OPENCLAW_IMMUNE_TEST_COUNTS'] ?? join(run, 'counts.json');
  process.env['OPENCLAW_IMMUNE_TEST_COUNTS'] = counts;
  if (values.only !== undefined) process.env['OPENCLAW_IMMUNE_TEST_ONLY'] = values.only;
  if (values.all) process.env['OPENCLAW_IMMUNE_TEST_ALL'] = '1';
  try {
    await prepare();
    await runScenarios();
  } catch (error) {
    // Without OpenClaw there is nothing to run: no counts are left, and that is counted as one failure.
    console.error(error);
  } finally {
    await endProcessesOfHome(run);
  }
  // The process that the person started tells the sum, so that the line comes once and last.
  if (process.env['OPENCLAW_IMMUNE_TEST_OUTER'] === undefined) finish([readCounts(counts)]);
  if (process.env['OPENCLAW_IMMUNE_TEST_KEEP'] === undefined) rmSync(run, { recursive: true, force: true });
}

function runScenarios(): Promise<void> {
  const vitest = join(checkout, 'node_modules', 'vitest', 'vitest.mjs');
  const only = values.only === undefined ? [] : ['--testNamePattern', values.only];
  const shard = process.env['OPENCLAW_IMMUNE_TEST_SHARD'];
  const part = shard === undefined ? [] : ['--shard', shard];
  const words = [vitest, 'run', '--config', 'test/real/vitest.config.ts', ...only, ...part];
  const child = spawn(process.execPath, words, {
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

function finish(parts: readonly Counts[]): void {
  const counts = parts.reduce((sum, part) => ({
    passed: sum.passed + part.passed,
    failed: sum.failed + part.failed,
    skipped: sum.skipped + part.skipped,
  }));
  console.log(formatCounts(counts));
  process.exitCode = succeeded(counts) ? 0 : 1;
}
