import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderFacts } from '../../src/daemon/lifeboat-facts.ts';
import { onlyTools, program, shells, usualTools } from './lifeboat-place.ts';

const script = new URL('../../launchd/lifeboat.sh', import.meta.url).pathname;

let root: string;
let data: string;
let tools: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'immune-watch-'));
  data = join(root, `Zoë's "Mac" $HOME`);
  mkdirSync(join(data, 'bin'), { recursive: true });
  mkdirSync(join(data, 'state'));
  copyFileSync(script, join(data, 'bin', 'lifeboat.sh'));
  tools = onlyTools(join(root, 'tools'), usualTools);
  for (const name of ['date', 'sleep', 'ps']) rmSync(join(tools, name));
  // A look takes no time; the short waits within one do.
  program(
    join(tools, 'sleep'),
    `case $1 in 0.*) exec /bin/sleep "$1" ;; esac
n=$(/bin/cat '${root}/looks' 2>/dev/null || echo 0); n=$((n + 1)); echo "$n" >'${root}/looks'
[ "$n" -lt "$(/bin/cat '${root}/most')" ] || kill -9 "$PPID"`,
  );
  program(join(tools, 'ps'), 'exit 0');
  program(join(tools, 'curl'), `exit "$(/bin/cat '${root}/curl')"`);
  program(join(tools, 'osascript'), `printf '%s|' "$@" >>'${root}/notified'`);
  program(
    join(root, 'launchctl'),
    `case $1 in
  print) [ ! -e '${root}/unloaded' ] || exit 113
    printf '%s\\n' 'gui/1/x = {' '	state = running' "	pid = $(/bin/cat '${root}/pid')" '}' ;;
  print-disabled) [ ! -e '${root}/disabled' ] || echo '  "x" => disabled' ;;
  kickstart) echo "$(/bin/cat '${root}/looks') $*" >>'${root}/calls' ;;
esac`,
  );
  set({ curl: '28', pid: '4711', most: '12' });
  clock('echo 1800000000');
  facts('600');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const set = (values: Readonly<Record<string, string>>): void => {
  for (const [name, value] of Object.entries(values)) writeFileSync(join(root, name), `${value}\n`);
};
const clock = (body: string): void => void program(join(tools, 'date'), body);
const facts = (lookS: string): void =>
  writeFileSync(
    join(data, 'bin', 'lifeboat.conf'),
    renderFacts({
      data,
      path: tools,
      launchctl: join(root, 'launchctl'),
      node: '/nowhere/node',
      app: '/nowhere/app',
      label: 'x',
      look_s: lookS,
      boot_grace_s: '600',
    }),
  );
const read = (name: string): string =>
  existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : '';
/** The numbers of the looks at which it restarted. */
const restarts = (): readonly number[] =>
  read('calls')
    .split('\n')
    .filter((line) => line.includes(' kickstart -k '))
    .map((line) => Number.parseInt(line, 10));

/** Runs it until it has looked that often. */
async function watch(shell: readonly string[]): Promise<string> {
  rmSync(join(root, 'looks'), { force: true });
  const [file = '', ...args] = [...shell, join(data, 'bin', 'lifeboat.sh'), 'daemon', '--foreground'];
  const child = spawn(file, args, { env: {}, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return told;
}

/** Two days of looks are some hundred starts of programs. */
const slow = { timeout: 120_000 };

describe.each(shells)('the lifeboat as the watchdog, run by %s,', (_, shell) => {
  it('restarts a gateway that is dead three times in a row, and at most twice an hour', slow, async () => {
    // With what is waited for after each, that could be three times an hour.
    facts('200');
    set({ most: '32' });
    await watch(shell);
    const made = restarts();
    expect(made.length).toBeGreaterThanOrEqual(3);
    for (const at of made) {
      expect(made.filter((each) => each > at - 18 && each <= at).length).toBeLessThanOrEqual(2);
    }
  });

  it('restarts it at most four times a day, and tells', slow, async () => {
    facts('1200');
    set({ most: '84' });
    const told = await watch(shell);
    const made = restarts();
    expect(made.length).toBeGreaterThanOrEqual(5);
    for (const at of made) {
      expect(made.filter((each) => each > at - 72 && each <= at).length).toBeLessThanOrEqual(4);
    }
    expect(told).toContain('as often as it may');
    expect(read('notified')).toContain('|--|openclaw-immune|');
    expect(readFileSync(join(data, 'ALERT.md'), 'utf8')).toContain('lifeboat: the gateway does not serve');
  });

  it('makes no restart more when the clock jumps, back or forth, at every look', slow, async () => {
    facts('1200');
    set({ most: '30' });
    await watch(shell);
    const steady = restarts();
    rmSync(join(root, 'calls'));
    rmSync(join(data, 'state', 'lifeboat-restarts'));
    clock(`n=$(/bin/cat '${root}/looks' 2>/dev/null || echo 0)
case $((n % 3)) in 0) echo $((1800000000 + n * 1000000)) ;; 1) echo 86400 ;; *) echo 9999999999 ;; esac`);
    await watch(shell);
    expect(restarts()).toEqual(steady);
    expect(steady).toHaveLength(4);
  });

  it(
    'keeps its budget over its own deaths, and takes a file it cannot read for a spent one',
    slow,
    async () => {
      facts('1200');
      set({ most: '7' });
      // 42 looks are less than a day.
      for (const _ of [1, 2, 3, 4, 5, 6]) await watch(shell);
      expect(restarts()).toHaveLength(4);
      const before = restarts().length;
      writeFileSync(join(data, 'state', 'lifeboat-restarts'), 'steady 100000\nrest');
      await watch(shell);
      expect(restarts().length).toBe(before);
    },
  );

  it.each([
    ['a gateway that serves', () => program(join(tools, 'curl'), `echo '{"ok":true,"status":"live"}'`)],
    ['a gateway nothing is known of', () => set({ curl: '6' })],
    ['somebody else on its port', () => program(join(tools, 'curl'), 'echo hello')],
    ['a gateway somebody has unloaded', () => set({ unloaded: '' })],
    ['a gateway that gets a new process at each look', () => set({ pid: '' })],
    ['a gateway somebody has disabled', () => set({ disabled: '' })],
    [
      'an update that runs',
      () => program(join(tools, 'ps'), `echo '77 node /usr/bin/npm install -g openclaw'`),
    ],
    [
      'a watchdog that is paused',
      () => status('"mode":"act","state":{"pause":{"until":null,"because":"x"}}'),
    ],
    ['a pause that is not over', () => status('"mode":"act","state":{"pause":{"until":1800000001000}}')],
    ['one that only observes', () => status('"mode":"observe","state":{"pause":null}')],
  ])('leaves %s alone', async (what, prepare) => {
    prepare();
    if (what.includes('each look')) {
      writeFileSync(join(root, 'pid'), '');
      const text = readFileSync(join(root, 'launchctl'), 'utf8');
      program(
        join(root, 'launchctl'),
        text.replace('#!/bin/sh\n', '').replace(`/bin/cat '${root}/pid'`, `/bin/cat '${root}/looks'`),
      );
    }
    await watch(shell);
    expect(read('calls')).toBe('');
  });

  it('acts when a pause is over, and keeps what stands in ALERT.md', async () => {
    status('"mode":"act","state":{"pause":{"until":1700000000000,"because":"}"}}');
    writeFileSync(join(data, 'ALERT.md'), '# openclaw-immune needs you\n\n- an older line\n');
    await watch(shell);
    expect(restarts().length).toBeGreaterThan(0);
    const alert = readFileSync(join(data, 'ALERT.md'), 'utf8');
    expect(alert).toMatch(/^- .* lifeboat: /);
    expect(alert).toContain('# openclaw-immune needs you\n\n- an older line\n');
  });

  it('goes on, and tells, where the lease cannot be written', async () => {
    writeFileSync(join(data, 'state', 'lease'), 'a file where the folder should be');
    const told = await watch(shell);
    expect(read('looks')).toBe('12\n');
    expect(read('calls')).toBe('');
    expect(told).toContain('lease cannot be written to, so it is not restarted');
  });

  it('gives a gateway that may be booting its time, and one that has been seen to serve none', async () => {
    facts('100');
    await watch(shell);
    // The first look notes the process; six later its grace is over, and three dead ones follow.
    expect(restarts()[0]).toBeGreaterThanOrEqual(8);
    rmSync(join(root, 'calls'));
    rmSync(join(data, 'state', 'lifeboat-restarts'));
    program(
      join(tools, 'curl'),
      `[ "$(/bin/cat '${root}/looks' 2>/dev/null || echo 0)" -ge 2 ] || { echo '{"ok":true,"status":"live"}'; exit 0; }; exit 7`,
    );
    await watch(shell);
    expect(restarts()[0]).toBe(4);
  });

  it('hands over as soon as our Node works again', async () => {
    const node = program(join(root, 'node'), `[ -e '${root}/mended' ] || exit 1; echo 1.0.0`);
    writeFileSync(join(root, 'app'), 'x');
    program(join(data, 'bin', 'openclaw-immune-watchdog'), `echo taken over >'${root}/taken'`);
    const conf = join(data, 'bin', 'lifeboat.conf');
    const text = readFileSync(conf, 'utf8')
      .replace('/nowhere/node', node)
      .replace('/nowhere/app', join(root, 'app'));
    writeFileSync(conf, text);
    program(
      join(tools, 'curl'),
      `[ "$(/bin/cat '${root}/looks' 2>/dev/null || echo 0)" -lt 3 ] || : >'${root}/mended'; exit 7`,
    );
    const told = await watch(shell);
    expect(told).toContain('the watchdog takes over');
    expect(read('taken')).toBe('taken over\n');
  });
});

function status(body: string): void {
  writeFileSync(join(data, 'state', 'status.json'), `{"version":1,${body}}\n`);
}
