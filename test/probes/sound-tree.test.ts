import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ListProcesses } from '../../src/gateway/live-processes.ts';
import { soundTree } from '../../src/probes/sound-tree.ts';
import { installOpenclaw, write } from '../gateway/package-fixture.ts';
import { workspace } from '../system/workspace.ts';
import { flip, never, recorded } from '../vault/tree-ground.ts';

let root: string;
const list = () => join(root, 'dist', 'postinstall-content-inventory.json');
beforeEach(() => {
  root = join(workspace(), 'lib', 'node_modules', 'openclaw');
  installOpenclaw(root);
  const listed: { readonly path: string }[] = JSON.parse(readFileSync(list(), 'utf8'));
  write(
    list(),
    listed.map((entry) => {
      const bytes = readFileSync(join(root, entry.path));
      return { ...entry, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    }),
  );
});
const quiet: ListProcesses = async () => [];
const judge = (more: Partial<Parameters<typeof soundTree>[0]> = {}) =>
  soundTree({ root, processes: quiet, signal: never, ...more });
const change = (): void => flip(join(root, 'dist', 'run-A1.mjs'), Buffer.from('export const run = 2;'));

it('a whole tree is sound, whether its files are read or were recorded just now', async () => {
  const sound = { kind: 'sound', version: '2026.9.6' };
  expect(await judge()).toEqual(sound);
  expect(await judge({ recorded: await recorded(root) })).toEqual(sound);
});

it('a copy that npm moved aside is judged like the package itself', async () => {
  const aside = join(root, '..', '.openclaw-abcdefgh');
  cpSync(root, aside, { recursive: true });
  rmSync(root, { recursive: true });
  expect(await judge({ root: aside })).toEqual({ kind: 'sound', version: '2026.9.6' });
});

describe('is unsound', () => {
  const because = (text: string) => ({ kind: 'unsound', because: expect.stringContaining(text) });

  it('with one other byte than OpenClaw shipped', async () => {
    change();
    expect(await judge()).toEqual(because('dist/run-A1.mjs is not as OpenClaw shipped it'));
    expect(await judge({ recorded: await recorded(root) })).toEqual(because('dist/run-A1.mjs'));
  });

  it('without a package that it declares', async () => {
    rmSync(join(root, 'node_modules', 'gamma'), { recursive: true });
    expect(await judge()).toEqual(because('gamma'));
  });

  it('while a package manager is at work on what is missing', async () => {
    rmSync(join(root, 'node_modules', 'gamma'), { recursive: true });
    expect(await judge({ processes: async () => [{ pid: 7, command: 'npm install -g openclaw' }] })).toEqual(
      because('process 7'),
    );
  });

  it('when nothing is there', async () => {
    rmSync(root, { recursive: true });
    expect(await judge()).toEqual(because('is missing'));
  });

  it('when it was asked to end before it knew', async () => {
    expect(await judge({ signal: AbortSignal.abort() })).toEqual(because('asked to end'));
  });
});

it('without hashes of OpenClaw, as before 2026.9, its names and dependencies decide', async () => {
  rmSync(list());
  const paths = join(root, 'dist', 'postinstall-inventory.json');
  const listed: readonly string[] = JSON.parse(readFileSync(paths, 'utf8'));
  writeFileSync(paths, JSON.stringify(listed.filter((path) => !path.includes('content-inventory'))));
  change();
  expect(await judge()).toMatchObject({ kind: 'sound' });
});
