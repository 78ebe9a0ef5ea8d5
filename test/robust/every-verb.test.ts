import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import type { VerbSpec } from '../../src/cli/verb-spec.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { bundle } from './bundle.ts';

const built = bundle();
const ground = mkdtempSync(join(tmpdir(), 'immune-verbs-'));
afterAll(() => {
  built.remove();
  rmSync(ground, { recursive: true, force: true });
});

/** No verb needs so long in an empty home; a command that waits for somebody would wait for ever. */
const boundMs = 20_000;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly isLate: boolean;
}

/**
 * As an empty environment gives it: a home of its own and nothing else, not even a PATH. Without HOME it would be the
 * real home of whoever runs the tests.
 */
function immune(stdin: 'null' | 'silent' | 'closed', ...words: readonly string[]): Promise<Ended> {
  const home = mkdtempSync(join(ground, 'home-'));
  const cwd = join(home, 'here');
  mkdirSync(cwd);
  const argv = [process.execPath, built.path, ...words];
  const closing = ['/bin/sh', '-c', 'exec "$@" <&-', 'sh', ...argv];
  const [file = '', ...args] = stdin === 'closed' ? closing : argv;
  const child = spawn(file, args, {
    env: { HOME: home },
    cwd,
    stdio: [stdin === 'silent' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, boundMs);
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, out, err, isLate });
    }),
  );
}

/** What it ends with when nothing is a bug and nobody presses Ctrl-C. */
const documented: readonly (number | null)[] = [
  exitCodes.ok,
  exitCodes.usage,
  exitCodes.unhealthy,
  exitCodes.refused,
  exitCodes.busy,
];

function isInOrder({ code, out, err, isLate }: Ended): void {
  expect({ isLate, err }).toMatchObject({ isLate: false });
  expect(documented, `${out}${err}`).toContain(code);
  expect(`${out}${err}`).not.toContain('a mistake in openclaw-immune itself');
  // What is unhealthy may be told in the output itself; a refusal always says how to go on.
  if (code === exitCodes.unhealthy) expect(`${out}${err}`).toMatch(/next: |immune |not installed/);
  else if (code !== exitCodes.ok) expect(`${out}${err}`).toMatch(/\n {2}(?:next: |"next": ")\S/);
}

const all: readonly VerbSpec[] = verbs;

describe.concurrent('every verb, in an empty home, with an empty environment and nobody at a terminal', {
  timeout: 4 * boundMs,
}, () => {
  it.each(all.map((spec) => [spec.name, spec] as const))(
    '%s answers --help and refuses an unknown option with a hint',
    async (name) => {
      const help = await immune('null', name, '--help');
      expect([help.code, help.err]).toEqual([0, '']);
      expect(help.out).toContain(`Usage: immune ${name}`);
      expect(help.out).toContain('Exit codes: 0 ok');
      const unknown = await immune('null', name, '--no-such-option');
      expect([unknown.code, unknown.out]).toEqual([exitCodes.usage, '']);
      expect(unknown.err).toMatch(
        /"--no-such-option" is not an option of "immune .*"[\s\S]*\n {2}next: immune /,
      );
    },
  );

  it.each(all.map((spec) => [spec.name, spec] as const))(
    '%s ends by itself, whatever its standard input is, with a documented code and the next command',
    async (name, { options }) => {
      // A job by its own name; all others as they are.
      const words = name === 'job' ? ['job', 'snapshot'] : [name];
      isInOrder(await immune('silent', ...words));
      const has = (option: string): boolean => options.some((each) => each.name === option);
      const manner = ['json', 'dry-run', 'yes'].filter(has).map((option) => `--${option}`);
      if (manner.length === 0) return;
      const told = await immune('closed', ...words, ...manner);
      isInOrder(told);
      if (has('json') && told.out.trim() !== '')
        expect(JSON.parse(told.out)).toMatchObject({ version: expect.any(Number) });
    },
  );
});

describe('the folder they were typed in', () => {
  it('holds nothing new but the bundle that was asked for', () => {
    const left = readdirSync(ground).flatMap((home) => readdirSync(join(ground, home, 'here')));
    expect(left.filter((name) => !name.endsWith('.tar.gz'))).toEqual([]);
  });
});
