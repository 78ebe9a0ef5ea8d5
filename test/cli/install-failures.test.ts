import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInstall } from '../../src/cli/install/install.ts';
import {
  alive,
  changes,
  createWorld,
  hurriedClock,
  otherProgram,
  plistOf,
  refusal,
  stateOf,
  tree,
  type World,
} from './install-world.ts';

const act = { dryRun: false, observe: false };
const watchdog = 'org.openclaw-immune.watchdog';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.stop());

describe('an installation that fails', () => {
  it('takes a fresh one back to nothing', async () => {
    const before = tree(world.home);
    world.fake.setFaults({ failures: { bootstrap: { code: 122, times: 99 } } });
    const error = await refusal(runInstall(act, world.deps));
    expect(error).toMatchObject({ exitCode: 3 });
    expect(error.message).toContain('Everything is back as it was before.');
    expect(error.hint).toContain('launchctl print');
    expect(tree(world.home)).toEqual(before);
    expect(await stateOf(world, watchdog)).toBe('113');
  });

  it('puts the former program and jobs back, byte for byte and running, when the new watchdog dies', async () => {
    await runInstall(act, world.deps);
    const before = tree(world.home, alive);
    world.program("if (process.argv[2] === '--version') console.log(3); else throw new Error('no good');");
    world.fake.setFaults({ throttleMs: 300 });
    const error = await refusal(runInstall(act, { ...world.deps, clock: hurriedClock(10) }));
    expect(error.message).toContain('no good');
    expect(error.message).toContain('Everything is back as it was before.');
    expect(tree(world.home, alive)).toEqual(before);
    await expect.poll(() => stateOf(world, watchdog), { timeout: 20_000 }).toBe('running');
  });

  it('does not take a process without a fresh heartbeat for a watchdog', async () => {
    mkdirSync(world.paths.state, { recursive: true });
    writeFileSync(join(world.paths.state, 'status.json'), 'an old heartbeat');
    world.program(
      "if (process.argv[2] === '--version') console.log(3); else setInterval(() => undefined, 1000);",
    );
    const error = await refusal(runInstall(act, { ...world.deps, clock: hurriedClock(10) }));
    expect(error.message).toMatch(
      /runs as process \d+, but 30 s after its start it has written no heartbeat/,
    );
    expect(await stateOf(world, watchdog)).toBe('113');
  });

  it('keeps the former program when the new program cannot even tell its version', async () => {
    await runInstall(act, world.deps);
    const before = tree(world.home, alive);
    world.program('process.exit(7);');
    const error = await refusal(runInstall(act, world.deps));
    expect(error.message).toContain('does not work: exit code 7');
    expect(tree(world.home, alive)).toEqual(before);
    await expect.poll(() => stateOf(world, watchdog), { timeout: 20_000 }).toBe('running');
  });
});

it('takes itself back when it is interrupted', async () => {
  const before = tree(world.home);
  const controller = new AbortController();
  const say = (line: string): void => {
    if (line.includes('sentinel.plist')) controller.abort();
  };
  const error = await refusal(runInstall(act, { ...world.deps, say, signal: controller.signal }));
  expect(error).toMatchObject({ exitCode: 130, message: expect.stringContaining('back as it was before') });
  expect(tree(world.home)).toEqual(before);
});

describe('an upgrade that fails half-way', () => {
  const sentinel = 'org.openclaw-immune.sentinel';
  const older = (label: string): string =>
    readFileSync(plistOf(world, label), 'utf8').replaceAll('openclaw-immune-', 'older-');
  const launchctl = (...args: string[]) =>
    world.deps.run({ file: world.fake.launchctl, args, timeoutMs: 20_000 });

  it('restores former plists, loads the former jobs again and leaves a disabled label disabled', async () => {
    await runInstall(act, world.deps);
    const { uid } = world.deps;
    writeFileSync(plistOf(world, sentinel), older(sentinel));
    await launchctl('bootout', `gui/${uid}/org.openclaw-immune.archive`);
    await launchctl('disable', `gui/${uid}/org.openclaw-immune.archive`);
    world.program(otherProgram);
    const before = tree(world.home, alive);
    const calls = world.fake.calls().length;
    // Held back as well: only a kickstart brings the former watchdog back.
    world.fake.setFaults({ pended: true, failures: { kickstart: { code: 1, times: 1 } } });
    const error = await refusal(runInstall(act, world.deps));
    expect(error.message).toContain('Everything is back as it was before.');
    expect(changes(world, calls)).toContain(
      `bootstrap gui/${uid} ${plistOf(world, 'org.openclaw-immune.archive')}`,
    );
    expect(tree(world.home, alive)).toEqual(before);
    expect(await stateOf(world, sentinel)).toBe('not running');
    expect(await stateOf(world, 'org.openclaw-immune.archive')).toBe('113');
    const disabled = await launchctl('print-disabled', `gui/${uid}`);
    expect(disabled.kind === 'exited' && disabled.stdout).toMatch(/archive" => (disabled|true)/);
    await expect.poll(() => stateOf(world, watchdog), { timeout: 20_000 }).toBe('running');
  });

  it('does not load a plist that plutil rejects', async () => {
    const before = tree(world.home);
    const plutil = join(world.root, 'plutil');
    writeFileSync(plutil, '#!/bin/sh\necho "Unexpected character" >&2\nexit 1\n');
    chmodSync(plutil, 0o755);
    const env = { ...world.deps.env, PATH: `${world.deps.env['PATH']}:${world.root}` };
    const error = await refusal(runInstall(act, { ...world.deps, env }));
    expect(error.message).toMatch(/does not accept .*snapshot\.plist: exit code 1 \(Unexpected character\)/);
    expect(tree(world.home)).toEqual(before);
    expect(changes(world)).toEqual([]);
  });
});
