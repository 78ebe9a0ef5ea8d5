import { closeSync, lstatSync, openSync, readdirSync, readSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readManifest } from '../../src/vault/manifest-file.ts';
import { changesSince, journalSince } from './acts.ts';
import type { CommandResult } from './commands.ts';
import { command } from './config-world.ts';
import { stepsSince, waitMended } from './dependency-cases.ts';
import { takeOut } from './dependency-faults.ts';
import { archivesOf, type DependencyWorld, expectWhole, repairRecords, settled } from './dependency-world.ts';
import { runningPid } from './faults/fault.ts';
import { signal } from './processes.ts';
import { differences, printOf } from './tree-print.ts';
import { waitHealthy } from './watching.ts';

// What is found beside a gateway that serves, and what a person does by hand.

/** Of the whole package: the manifest agrees with what lies there, by code that shares nothing with it. */
export async function firstArchive(world: DependencyWorld): Promise<void> {
  const [archive] = archivesOf(world);
  const read = await readManifest(join(archive?.folder ?? '', 'manifest.ndjson'));
  if (read.kind !== 'read') return expect.fail(`the manifest is ${JSON.stringify(read)}`);
  const units = read.manifest.units.filter(({ tree }) => tree === 'openclaw');
  const recorded = units.flatMap(({ entries }) =>
    entries.map((entry) => {
      if (entry.kind === 'link') return `${entry.path}: link to ${entry.target}`;
      const mode = (entry.mode & 0o777).toString(8);
      return entry.kind === 'directory'
        ? `${entry.path}: folder ${mode}`
        : `${entry.path}: file ${mode} ${entry.sha256}`;
    }),
  );
  const there = [...world.whole].map(([path, { holds }]) => `${path}: ${holds}`);
  const known = new Set(recorded);
  expect(there.filter((line) => !known.has(line))).toEqual([]);
  expect(recorded.length).toBe(there.length);
  expect(read.manifest.head.openclaw).toBe(world.gateway.version);
  const listed = await done(world, 'archives');
  expect(listed.stdout).toContain(archive?.name);
  console.log(`           ${listed.stdout.trim()}`);
}

async function done(world: DependencyWorld, ...words: readonly string[]): Promise<CommandResult> {
  const answer = await command(world, ...words);
  expect(answer.code, `immune ${words.join(' ')}: ${answer.stdout}${answer.stderr}`).toBe(0);
  return answer;
}

const lostIn = ({ packageRoot, whole }: DependencyWorld): readonly string[] =>
  differences(whole, printOf(packageRoot, whole));

/** Only a telegram channel loads it, so a gateway without one starts and serves: its next user would not. */
export async function latent(world: DependencyWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const mark = await settled(world);
  const pid = await runningPid(gateway);
  takeOut(gateway, 'node_modules', 'grammy');
  const from = Date.now();
  // Of the gateway that serves nothing is wrong: what its deep probe found on the disk is told.
  await done(world, 'check');
  // Each step takes another deep look; one comes every three minutes by itself, and here they are asked for.
  const each = (): Promise<unknown> => world.watchdog.immune('check');
  const { generation } = await waitMended(world, { mark, not: null, each });
  console.log(`           whole again after ${((Date.now() - from) / 1_000).toFixed(1)} s`);
  expect(generation.pid).toBe(pid);
  expect(await gateway.pid()).toBe(pid);
  expect(stepsSince(world, mark)).toEqual(['reinstall']);
  expect(changesSince(gateway, mark)).toEqual([]);
  const notices = journalSince(watchdog, mark).map((line) => JSON.stringify(line['notices'] ?? []));
  expect(notices.join('\n')).toContain('grammy');
  expectWhole(world);
}

/** The largest of its files that a program is in. */
function someFileOf(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[mc]?js$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted((one, other) => lstatSync(other).size - lstatSync(one).size);
  return files[0] ?? expect.fail(`no program in ${folder}`);
}

/** As a failing disk does it: one bit, and neither size nor time tells. */
function flipByte(path: string): void {
  const { size, atimeMs, mtimeMs } = lstatSync(path);
  const file = openSync(path, 'r+');
  const at = Math.floor(size / 2);
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte.writeUInt8(byte.readUInt8() ^ 1);
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
  utimesSync(path, atimeMs / 1_000, mtimeMs / 1_000);
  const after = lstatSync(path);
  expect([after.size, after.mtimeMs]).toEqual([size, mtimeMs]);
}

export async function silent(world: DependencyWorld): Promise<void> {
  const { gateway, packageRoot } = world;
  const mark = await settled(world);
  const pid = await runningPid(gateway);
  const file = someFileOf(join(packageRoot, 'node_modules', 'grammy'));
  flipByte(file);
  const path = file.slice(packageRoot.length + 1);
  expect(lostIn(world)).toEqual([path]);
  await done(world, 'archives', 'check');
  const full = await command(world, 'archives', 'check', '--full');
  expect(full.code, full.stdout + full.stderr).toBe(3);
  // Named with its package, or with its whole path.
  expect(full.stdout).toContain('grammy');
  expect(full.stdout).toContain(path.split('/').at(-1));
  console.log(`           ${full.stdout.trim().replaceAll('\n', '\n           ')} (${full.tookMs} ms)`);
  const fixed = await done(world, 'fix-deps', '--yes');
  console.log(`           ${fixed.stdout.trim().replaceAll('\n', '\n           ')}`);
  expectWhole(world);
  await done(world, 'archives', 'check', '--full');
  expect(await gateway.pid()).toBe(pid);
  expect(stepsSince(world, mark)).toEqual([]);
}

/** Looked at, mended, taken back, mended again. Gives what was lost in between. */
async function fixAndUndo(world: DependencyWorld, name: string): Promise<void> {
  const lost = lostIn(world);
  expect(lost).not.toEqual([]);
  const shown = await done(world, 'fix-deps', '--dry-run');
  expect(shown.stdout).toContain(name);
  expect(lostIn(world)).toEqual(lost);
  const before = repairRecords(world).length;
  const fixed = await done(world, 'fix-deps', '--yes');
  console.log(`           ${fixed.stdout.trim().replaceAll('\n', '\n           ')} (${fixed.tookMs} ms)`);
  expectWhole(world);
  const record = repairRecords(world)[before] ?? expect.fail('nothing was kept');
  expect(fixed.stdout).toContain(`immune undo ${record.id}`);
  await done(world, 'undo', record.id);
  expect(lostIn(world)).toEqual(lost);
  const again = await done(world, 'fix-deps', '--yes');
  console.log(`           ${again.stdout.trim().replaceAll('\n', '\n           ')} (${again.tookMs} ms)`);
  expectWhole(world);
}

/** While the watchdog is paused, so that all of it is the person's. */
export async function besideTheWatchdog(world: DependencyWorld): Promise<void> {
  const { gateway } = world;
  const mark = await settled(world);
  const pid = await runningPid(gateway);
  await done(world, 'pause');
  takeOut(gateway, 'node_modules', 'express');
  await fixAndUndo(world, 'express');
  await done(world, 'resume');
  expect(await gateway.pid()).toBe(pid);
  expect(stepsSince(world, mark)).toEqual([]);
}

export async function withoutTheWatchdog(world: DependencyWorld): Promise<void> {
  const { gateway, watchdog } = world;
  await settled(world);
  const pid = await runningPid(gateway);
  const stopped = await gateway.launchctl('bootout', watchdog.target);
  expect(stopped.code, stopped.stderr).toBe(0);
  takeOut(gateway, 'node_modules', 'json5');
  signal(pid, 'SIGKILL');
  await fixAndUndo(world, 'json5');
  const plist = join(gateway.home, 'Library', 'LaunchAgents', `${watchdog.label}.plist`);
  const started = await gateway.launchctl('bootstrap', gateway.domain, plist);
  expect(started.code, started.stderr).toBe(0);
  // launchd has gone on starting it all the time.
  await gateway.waitServing(undefined, pid);
  await waitHealthy(watchdog);
}
