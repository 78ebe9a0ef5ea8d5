import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { InstallerDeps } from '../../src/cli/install/context.ts';
import { type Paths, resolvePaths } from '../../src/config/paths.ts';
import type { UserError } from '../../src/core/errors.ts';
import type { Clock } from '../../src/core/time.ts';
import { millis } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';
import { type Run, run } from '../../src/system/run.ts';
import { type FakeLaunchd, installFakeLaunchd } from '../fakes/launchd/fake.ts';
import { ask } from '../fakes/launchd/link.ts';

const repository = new URL('../../', import.meta.url).pathname;

/** What the installer needs of the real bundle, in a few lines: a version, a daemon with a heartbeat, jobs that end. */
const standIn = (version: string): string => `
import { renameSync, writeFileSync } from 'node:fs';
const [verb] = process.argv.slice(2);
if (verb === '--version') console.log('${version}');
if (verb === 'daemon') {
  const path = process.env.OPENCLAW_IMMUNE_DATA + '/state/status.json';
  const beat = () => {
    writeFileSync(path + '.tmp', JSON.stringify({ pid: process.pid, version: '${version}' }));
    renameSync(path + '.tmp', path);
  };
  beat();
  setInterval(beat, 200);
}
`;

export interface World {
  readonly root: string;
  readonly home: string;
  readonly paths: Paths;
  readonly fake: FakeLaunchd;
  readonly said: string[];
  readonly deps: InstallerDeps;
  /** Puts another program into the checkout, as an upgrade would. */
  program(source: string): void;
  stop(): Promise<void>;
}

/** A home with a space, a quote and an umlaut; a checkout with a stand-in bundle; a fake launchctl first on PATH. */
export async function createWorld(): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), 'immune-install-'));
  const home = join(root, "Zoë's Mac");
  const checkout = join(root, 'check out');
  mkdirSync(home);
  mkdirSync(join(checkout, 'dist'), { recursive: true });
  mkdirSync(join(checkout, 'launchd'));
  for (const template of ['launchd/launcher.sh.template', 'launchd/safe-start.sh', 'launchd/lifeboat.sh']) {
    copyFileSync(join(repository, template), join(checkout, template));
  }
  const entry = join(checkout, 'dist', 'immune.mjs');
  writeFileSync(entry, standIn('1.0.0'));
  // A stand-in for 150 MB of Node: what is copied is a script that becomes the real one.
  const node = join(root, 'node');
  writeFileSync(node, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  chmodSync(node, 0o755);
  const uid = process.getuid?.() || 501;
  const fakeDir = join(root, 'fake launchd');
  const fake = await installFakeLaunchd({ dir: fakeDir, uid, home });
  const said: string[] = [];
  const env = { PATH: `${fake.binDir}:/usr/bin:/bin`, HOME: home };
  return {
    root,
    home,
    paths: resolvePaths({ home, layout: 'macos', env }),
    fake,
    said,
    deps: {
      env,
      uid,
      accountHome: home,
      entry,
      node: { path: node, version: 'v99.0.0' },
      run: shortCut(fake, fakeDir),
      clock: hurriedClock(3),
      say: (line) => said.push(line),
    },
    program: (source) => writeFileSync(entry, source),
    stop: async () => {
      await fake.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Speaks to the fake launchd without starting its client program: the same answers, a tenth of the time. */
function shortCut(fake: FakeLaunchd, dir: string): Run {
  return async (request) => {
    if (request.file !== fake.launchctl) return run(request);
    const answer = await ask(dir, { argv: request.args });
    return { kind: 'exited', ...answer };
  };
}

export const otherProgram = standIn('2.0.0');

/** Runs some times as fast: for waits that end by giving up, and for one second that proves a process lasts. */
export function hurriedClock(times: number): Clock {
  const clock = systemClock();
  return {
    now: clock.now,
    elapsed: () => millis(clock.elapsed() * times),
    sleep: (length, signal) => clock.sleep(millis(length / times), signal),
  };
}

/** Every name below a folder with its mode, and its content or where it leads. */
export function tree(folder: string, skip: readonly RegExp[] = []): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const walk = (path: string, name: string): void => {
    if (skip.some((pattern) => pattern.test(name))) return;
    const stat = lstatSync(path);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) found[name] = `-> ${readlinkSync(path)}`;
    else if (stat.isDirectory()) {
      found[`${name}/`] = mode;
      for (const entry of readdirSync(path)) walk(join(path, entry), `${name}/${entry}`);
    } else if (stat.isFile()) {
      found[name] = `${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    }
  };
  if (existsSync(folder)) walk(folder, '.');
  return found;
}

/** What a running daemon keeps changing by itself. */
export const alive = [/\/state\//, /\/Logs\//];

/** The calls of launchctl that change something. */
export function changes(world: World, from = 0): readonly string[] {
  return world.fake
    .calls()
    .slice(from)
    .map(({ argv }) => argv.join(' '))
    .filter((call) => !/^(print|print-disabled|managername)\b/.test(call));
}

export async function statusPid(world: World): Promise<number> {
  return JSON.parse(readFileSync(join(world.paths.state, 'status.json'), 'utf8')).pid;
}

/** What launchctl says of a job: its state, or the exit code of `print` (113: not loaded). */
export async function stateOf(world: World, label: string): Promise<string> {
  const args = ['print', `gui/${world.deps.uid}/${label}`];
  const printed = await world.deps.run({ file: world.fake.launchctl, args, timeoutMs: 20_000 });
  if (printed.kind !== 'exited') return printed.kind;
  return printed.code === 0 ? (/^\tstate = (.*)$/m.exec(printed.stdout)?.[1] ?? '?') : String(printed.code);
}

export const plistOf = (world: World, label: string): string =>
  join(world.paths.launchAgents, `${label}.plist`);

/** The error an installation ends with; a success fails the test. */
export const refusal = async (promise: Promise<number>): Promise<UserError> =>
  promise.then(
    (code) => expect.unreachable(`it ended with ${code}`),
    (error) => error,
  );
