// The cases that mean nothing to root, as an ordinary user: permissions.
//   npm run test:user
// It ends with one plain line: N passed, N failed, N skipped.
import { chownSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatCounts, readCounts, succeeded } from '../real/counts.ts';
import { copyCheckout, runAsUser, testUser } from '../real/unprivileged.ts';
import installSystemTools from '../tools/system-tools.ts';

const checkout = join(import.meta.dirname, '../..');
// As in by-user.ts, which loads nowhere but in a test.
const mark = '(as an ordinary user)';
const call = /^ *byUser\(/gm;

const files = globSync('test/**/*.test.ts', { cwd: checkout });
const textOf = (file: string): string => readFileSync(join(checkout, file), 'utf8');
const calls = new Map(files.map((file) => [file, textOf(file).match(call)?.length ?? 0]));
const concerned = files.filter((file) => calls.get(file) !== 0);
const expected = [...calls.values()].reduce((sum, count) => sum + count, 0);

if (process.getuid?.() !== 0) {
  console.log(`nothing to do: as an ordinary user "npm test" itself runs these ${expected} cases`);
  console.log(formatCounts({ passed: 0, failed: 0, skipped: 0 }));
} else {
  installSystemTools();
  const user = testUser();
  const folder = copyCheckout(checkout, user);
  const results = mkdtempSync(join(tmpdir(), 'openclaw-immune-user-'));
  chownSync(results, user.uid, user.gid);
  const file = join(results, 'counts.json');
  process.env['OPENCLAW_IMMUNE_TEST_COUNTS'] = file;
  process.env['OPENCLAW_IMMUNE_TEST_ONLY'] = mark;
  const pattern = mark.replace(/[()]/g, '\\$&');
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const words = ['run', '--config', 'test/user/vitest.config.ts', '--testNamePattern', pattern];
  await runAsUser({ user, folder }, [vitest, ...words, ...concerned]);
  const counts = readCounts(file);
  rmSync(results, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
  // A case that is not found must not pass for one that passed.
  const missing = expected - counts.passed - counts.failed;
  if (missing !== 0) console.log(`  FAILED   ${missing} of the ${expected} cases were not run`);
  const all = { ...counts, failed: counts.failed + Math.abs(missing) };
  console.log(formatCounts(all));
  process.exitCode = succeeded(all) ? 0 : 1;
}
