import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { renderPassThrough } from '../../src/cli/install/safe-start-files.ts';
import { listIn, recordIn } from '../../src/gateway/safe-start-hook.ts';
import { giveTo, user } from '../install-sh/unprivileged.ts';
import { makePlace, program } from './wrapper-place.ts';

const shells = (
  [
    ['dash', ['/bin/dash', '-u']],
    ['bash as a POSIX shell', ['/bin/bash', '--posix', '-u']],
    ['the shell its first line names', []],
  ] as const
).filter(([, [shell]]) => shell === undefined || existsSync(shell));

let root: string;
let place: ReturnType<typeof makePlace>;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'immune-wrapper-'));
  chmodSync(root, 0o755);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
beforeEach(() => {
  count += 1;
  place = makePlace(join(root, `Zoë's "Mac" $HOME ${count}`));
});

const words = ['gateway', '--port', '18789', 'two words', "o'clock", '*', ''];

function begin(shell: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const [file = '', ...args] = [...shell, place.wrapper, ...words];
  return spawn(file, args, { ...user, cwd: place.home, env, stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Start {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** Ends when the last holder of the output has ended, so a child left behind would show. */
async function start(
  shell: readonly string[],
  env: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin' },
): Promise<Start> {
  const from = performance.now();
  const child = begin(shell, env);
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { pid: child.pid, code, stdout, stderr, tookMs: performance.now() - from };
}

/** The gateway was started, as the very process launchd knows, with its words, directory and mask. */
function expectGateway(started: Start): void {
  expect(started.stderr).toBe('');
  const { flags, entry } = place.record;
  const umask = `0${process.umask().toString(8).padStart(3, '0')}`;
  expect(started.stdout.split('\n')).toEqual([
    String(started.pid),
    place.home,
    umask,
    ...flags,
    entry,
    ...words,
    '',
  ]);
  expect(started.code).toBe(0);
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    if (holds()) return;
    await sleep(25);
  }
  expect.unreachable(what);
}

const remove = (...path: readonly string[]): void => rmSync(join(...path), { recursive: true });

describe.each(shells)('the wrapper, run by %s,', (_, shell) => {
  it('becomes the gateway, asks nothing of us when all is there, and starts the watchdog', async () => {
    const started = await start(shell);
    console.log(`healthy start: ${started.tookMs.toFixed(1)} ms with the start of a shell and a stand-in`);
    expectGateway(started);
    await until('the watchdog is started', () => place.kicked() !== '');
    expect(place.kicked()).toBe('kickstart gui/501/org.openclaw-immune.watchdog\n');
    expect(place.asked()).toBe('');
  });

  it("gives the gateway the environment it was given, and its Node's folder on the PATH", async () => {
    program(place.node, '/usr/bin/env');
    const { stdout } = await start(shell, { PATH: '/usr/bin:/bin', KEEP: 'a b', NODE_OPTIONS: '' });
    const added = stdout
      .split('\n')
      .filter((line) => !/^(PATH|KEEP|NODE_OPTIONS|PWD|OLDPWD|SHLVL|_)=/.test(line));
    expect(added).toEqual(['']);
    const folder = dirname(place.node);
    expect(stdout).toContain(`PATH=${folder}:/usr/bin:/bin\n`);
    const again = await start(shell, { PATH: `/usr/bin:${folder}:/bin` });
    expect(again.stdout).toContain(`PATH=/usr/bin:${folder}:/bin\n`);
    expect((await start(shell, { PATH: '' })).stdout).toContain(`PATH=${folder}\n`);
    expect(stdout).toContain('KEEP=a b\n');
    expect(stdout).toContain('NODE_OPTIONS=\n');
  });

  it.each([
    ['a package', ['node_modules', 'ws']],
    ['a package with a scope', ['node_modules', '@s', 'x']],
    ['the entry', ['dist', 'index.js']],
    ['package.json', ['package.json']],
    ['all of it', ['.']],
  ])('asks us when %s is gone, and starts the gateway after', async (_what, path) => {
    remove(place.pack, ...path);
    expectGateway(await start(shell));
    expect(place.asked()).toBe('safe-start\n');
  });

  it('waits for the repair', async () => {
    remove(place.pack, 'node_modules', 'ws');
    const back = join(place.pack, 'node_modules', 'ws');
    program(place.immune, `/bin/sleep 0.3; /bin/mkdir "$WS"; echo '{}' >"$WS/package.json"; echo noise`);
    program(place.node, `[ -f "$WS/package.json" ] && echo mended`);
    giveTo(user, place.home);
    const started = await start(shell, { PATH: '/usr/bin:/bin', WS: back });
    expect(started.stdout).toBe('mended\n');
  });

  it('starts the gateway when our program is gone, or fails', async () => {
    remove(place.pack, 'node_modules', 'ws');
    program(place.immune, 'echo broken >&2; exit 127');
    expectGateway(await start(shell));
    remove(place.data);
    expectGateway(await start(shell));
  });

  it('ends a check that hangs, even one that takes no notice of being asked', async () => {
    // Three seconds in the place of 25, for the same lines of the script.
    const text = readFileSync(place.wrapper, 'utf8');
    expect(text).toContain('openclaw_immune_bounded 25 ');
    writeFileSync(place.wrapper, text.replace('openclaw_immune_bounded 25 ', 'openclaw_immune_bounded 2 '));
    remove(place.pack, 'node_modules', 'ws');
    program(place.immune, `trap '' TERM INT HUP; echo "$$" >"$PID_FILE"; while :; do /bin/sleep 0.2; done`);
    const pidFile = join(place.home, 'pid');
    const started = await start(shell, { PATH: '/usr/bin:/bin', PID_FILE: pidFile });
    expectGateway(started);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await until('the hanging check is ended', () => !existsSync(`/proc/${pid}`) || isZombie(pid));
  });

  it('starts the gateway with an empty PATH, and with none', async () => {
    remove(place.pack, 'node_modules', 'ws');
    expectGateway(await start(shell, { PATH: '' }));
    expectGateway(await start(shell, {}));
    expect(place.asked()).toBe('safe-start\nsafe-start\n');
  });

  it('starts the gateway when our folders are read-only or closed, and launchctl is gone', async () => {
    remove(place.home, 'launchctl');
    remove(place.pack, 'node_modules', 'ws');
    chmodSync(place.data, 0o500);
    chmodSync(place.directory, 0o500);
    expectGateway(await start(shell));
    chmodSync(place.data, 0o000);
    expectGateway(await start(shell));
    chmodSync(place.data, 0o700);
  });

  it('starts the gateway when list and record are missing, torn or folders', async () => {
    const list = listIn(place.directory);
    truncateSync(list, readFileSync(list).length - 4);
    remove(recordIn(place.directory));
    expectGateway(await start(shell));
    // The torn last line is left out: it would name a file that never was.
    expect(place.asked()).toBe('');
    chmodSync(list, 0o000);
    expectGateway(await start(shell));
    remove(list);
    expectGateway(await start(shell));
    mkdirSync(list);
    expectGateway(await start(shell));
  });

  it('goes on with a Node of its PATH when the recorded one is gone or empty', async () => {
    const other = join(place.home, 'other bin');
    program(join(other, 'node'), readFileSync(place.node, 'utf8').slice('#!/bin/sh\n'.length));
    writeFileSync(place.node, '');
    expectGateway(await start(shell, { PATH: `/nowhere:${other}:/usr/bin:/bin` }));
    remove(place.node);
    expectGateway(await start(shell, { PATH: `${other}:/usr/bin:/bin` }));
  });

  it.each([
    ['the wrapper', () => undefined],
    ['what an uninstall leaves behind', () => writeFileSync(place.wrapper, renderPassThrough(place.record))],
  ])('%s starts what "openclaw" means now when an update has moved the package', async (_what, prepare) => {
    prepare();
    remove(place.pack, '..');
    const bin = join(place.home, 'homebrew', 'bin');
    program(join(bin, 'openclaw'), `printf '%s\\n' "$$" "$@"`);
    const started = await start(shell, { PATH: `${bin}:/usr/bin:/bin` });
    expect(started).toMatchObject({ code: 0, stderr: '' });
    expect(started.stdout.split('\n')).toEqual([String(started.pid), ...words, '']);
    // A package that is only damaged is not exchanged for another one that may be on the PATH.
    mkdirSync(join(place.pack, '..'), { recursive: true });
    expectGateway(await start(shell, { PATH: `${bin}:/usr/bin:/bin` }));
    // Without any other the gateway's own message tells what is missing.
    remove(place.pack, '..');
    expectGateway(await start(shell));
  });

  it('what an uninstall leaves behind goes on with a Node of its PATH too', async () => {
    writeFileSync(place.wrapper, renderPassThrough(place.record));
    const other = join(place.home, 'other bin');
    program(join(other, 'node'), readFileSync(place.node, 'utf8').slice('#!/bin/sh\n'.length));
    remove(place.node);
    expectGateway(await start(shell, { PATH: `${other}:/usr/bin:/bin` }));
  });

  it('says with 78 that there is no Node at all', async () => {
    remove(place.node);
    const started = await start(shell, { PATH: '/nowhere' });
    expect(started.code).toBe(78);
    expect(started.stderr).toContain(`the gateway's Node ${place.node} is gone and no node is on PATH`);
    expect(started.stderr).toContain('openclaw gateway install --force');
    expect(started.stdout).toBe('');
  });

  it('lets every signal through to the gateway, for it is the gateway', async () => {
    const child = begin(shell, { PATH: '/usr/bin:/bin', GATEWAY_GOES_ON: 'yes' });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
  });

  it('a launchctl that hangs keeps nothing waiting and holds no output', async () => {
    program(join(place.home, 'launchctl'), 'exec /bin/sleep 30');
    const started = await start(shell);
    expectGateway(started);
    expect(started.tookMs).toBeLessThan(8_000);
  });

  it('what is left behind by an uninstall starts the gateway and nothing else', async () => {
    writeFileSync(place.wrapper, renderPassThrough(place.record));
    remove(place.data);
    remove(place.pack, 'node_modules', 'ws');
    expectGateway(await start(shell));
    expect(place.asked() + place.kicked()).toBe('');
  });
});

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // Gone between the two looks.
    return true;
  }
}

describe('its text', () => {
  const shellcheck = ['/usr/bin/shellcheck', '/bin/shellcheck', '/usr/local/bin/shellcheck'].find(existsSync);

  it.skipIf(shellcheck === undefined)('has nothing shellcheck would complain about', () => {
    // A quote or a dollar in a path would be asked about, and is meant as it is.
    const plain = makePlace(join(root, 'plain'));
    const text = readFileSync(plain.wrapper, 'utf8').replaceAll("it'\\''s here", 'here');
    writeFileSync(plain.wrapper, text);
    execFileSync(shellcheck ?? '', ['-s', 'sh', plain.wrapper], { stdio: 'pipe' });
  });
});

it('the list names the direct dependencies that are there, and keeps one that has gone since', () => {
  const list = listIn(place.directory);
  const all = readFileSync(list, 'utf8');
  expect(all).toBe(
    'node_modules/@s/x/package.json\nnode_modules/ws/package.json\nnode_modules/zod/package.json\n',
  );
  remove(place.pack, 'node_modules', 'ws');
  place.render();
  expect(readFileSync(list, 'utf8')).toBe(all);
  remove(place.pack, 'package.json');
  place.render();
  expect(readFileSync(list, 'utf8')).toBe(all);
});
