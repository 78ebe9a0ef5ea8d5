// The part of the tests that needs file systems of its own: power cuts and full disks, on loop-mounted images.
//   npm run test:mount
// Where there is no root, or no loop device, each case is counted as skipped with the reason. The last line is the sum.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatCounts, readCounts } from '../real/counts.ts';
import installSystemTools from '../tools/system-tools.ts';

/** Several times what it takes on two busy cores. */
const runTimeoutMs = 10 * 60_000;
const checkout = join(import.meta.dirname, '../..');

installSystemTools();
installXfs();
const folder = mkdtempSync(join(tmpdir(), 'openclaw-immune-mount-'));
const counts = join(folder, 'counts.json');
await runCases();
const found = readCounts(counts);
rmSync(folder, { recursive: true, force: true });
console.log(formatCounts(found));
// Nothing but skipped is no failure here: an ordinary user may not mount, and the sum says so.
process.exitCode = found.failed === 0 && found.passed + found.skipped > 0 ? 0 : 1;

/** Only this part needs it, so the others do not wait for it. */
function installXfs(): void {
  const there = ['/sbin/mkfs.xfs', '/usr/sbin/mkfs.xfs'].some((path) => existsSync(path));
  if (there || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  console.log('installing xfsprogs');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: readonly string[]) =>
    execFileSync('/usr/bin/apt-get', ['-q', ...args], { stdio: 'ignore', env, timeout: 120_000 });
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', 'xfsprogs');
  } catch (error) {
    // The cases on xfs say that they are skipped, and why.
    console.log(`could not install xfsprogs: ${String(error)}`);
  }
}

function runCases(): Promise<void> {
  const vitest = join(checkout, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'test/mount/vitest.config.ts'], {
    cwd: checkout,
    env: { ...process.env, OPENCLAW_IMMUNE_TEST_COUNTS: counts },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const tooLong = setTimeout(() => {
    console.log(`  FAILED   the cases took longer than ${runTimeoutMs / 60_000} minutes`);
    child.kill('SIGKILL');
  }, runTimeoutMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(tooLong);
      resolve();
    });
  });
}
