import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import type { Unit } from '../../src/vault/manifest.ts';
import { recordTrees } from '../../src/vault/read-tree.ts';
import { type UnitSink, wholeFileBytes } from '../../src/vault/unit-sink.ts';
import { until, workspace } from '../system/workspace.ts';
import { asking, file, openclaw, plant, put, recorded } from './tree-ground.ts';

let root: string;
beforeEach(() => {
  root = join(workspace(), 'openclaw');
  plant(root, openclaw);
});

/** Writes down what it is given, and hashes the bytes itself. */
function listening(): { readonly sink: UnitSink; readonly heard: string[]; readonly units: Unit[] } {
  const heard: string[] = [];
  const units: Unit[] = [];
  const sink: UnitSink = {
    begin: async ({ path, part }) => void heard.push(`begin ${path} ${part}`),
    file: async (entry, bytes) => {
      const sum = createHash('sha256');
      let pieces = 0;
      for await (const piece of Buffer.isBuffer(bytes) ? [bytes] : bytes) {
        sum.update(piece);
        pieces += 1;
      }
      heard.push(`file ${entry.path} ${pieces} ${sum.digest('hex') === entry.sha256}`);
    },
    link: async ({ path, target }) => void heard.push(`link ${path} ${target}`),
    directory: async ({ path }) => void heard.push(`directory ${path}`),
    end: async (unit) => {
      heard.push(`end ${unit.package?.name ?? '-'}`);
      units.push(unit);
    },
  };
  return { sink, heard, units };
}

it('hands over every unit in the order of the manifest, each folder before what is in it', async () => {
  const { sink, heard, units } = listening();
  const outcome = await recordTrees(asking(root), sink);
  expect(outcome).toMatchObject({ kind: 'recorded', manifest: { units }, leftOut: [] });
  const from = heard.indexOf('begin node_modules/ws whole');
  expect(heard.slice(from, from + 8)).toEqual([
    'begin node_modules/ws whole',
    'directory node_modules/ws',
    'directory node_modules/ws/bin',
    'file node_modules/ws/bin/tool.js 1 true',
    'directory node_modules/ws/lib',
    'file node_modules/ws/lib/websocket.js 1 true',
    'file node_modules/ws/package.json 1 true',
    'end ws',
  ]);
  expect(heard.slice(0, 7)).toEqual([
    'begin  0',
    'directory dist',
    'directory node_modules',
    'directory node_modules/@scope',
    'file openclaw.mjs 1 true',
    'file package.json 1 true',
    'end openclaw',
  ]);
  expect(heard).toContain('link node_modules/.bin/tool ../ws/bin/tool.js');
});

it('records bytes, size, mode and time of a file', async () => {
  const { units } = await recorded(root);
  const unit = units.find(({ path }) => path === 'node_modules/ws');
  expect(unit?.entries.find(({ path }) => path.endsWith('tool.js'))).toEqual({
    kind: 'file',
    path: 'node_modules/ws/bin/tool.js',
    mode: 0o755,
    size: 7,
    mtimeMs: 1_700_000_000_000,
    sha256: createHash('sha256').update('tool();').digest('hex'),
  });
  expect(unit).toMatchObject({ package: { name: 'ws', version: '8.21.3' }, bytes: 57 });
});

it('gives a large file in pieces, and every byte of it', async () => {
  put(join(root, 'dist', 'large.bin'), file(Buffer.alloc(wholeFileBytes + 1, 'x')));
  put(join(root, 'dist', 'middle.bin'), file(Buffer.alloc(wholeFileBytes, 'y')));
  const { sink, heard } = listening();
  expect(await recordTrees(asking(root), sink)).toMatchObject({ kind: 'recorded' });
  expect(heard).toContain('file dist/large.bin 9 true');
  expect(heard).toContain('file dist/middle.bin 1 true');
});

it('tells how far it is after each unit', async () => {
  const steps: string[] = [];
  await recordTrees(asking(root, { onUnit: (done, of) => steps.push(`${done}/${of}`) }), null);
  expect(steps[0]).toMatch(/^1\//);
  expect(steps.at(-1)).toBe(`${steps.length}/${steps.length}`);
});

describe('what is not recorded', () => {
  const because = async (more: Parameters<typeof asking>[1] = {}): Promise<unknown> => {
    const outcome = await recordTrees(asking(root, more), null);
    return outcome.kind === 'failed' ? outcome.because : outcome.kind;
  };
  const provenBy = (at: number) => ({ head: { ...asking(root).head, provenBy: instant(at) } });

  /** Everything was written before this moment, and what is written from now on is younger. */
  const settled = async (): Promise<number> => {
    const all = readdirSync(root, { recursive: true }).map((path) => join(root, String(path)));
    const newest = Math.max(...[root, ...all].map((path) => lstatSync(path).ctimeMs));
    await until('the clock of the file system has moved on', () => Date.now() > newest + 50);
    return newest;
  };

  it('is a tree of which a file was changed after the gateway started', async () => {
    const started = await settled();
    expect(await because(provenBy(started))).toBe('recorded');
    appendFileSync(join(root, 'dist', 'worker', 'worker.mjs'), '!');
    expect(await because(provenBy(started))).toMatch(/worker\.mjs was changed after .* the gateway started/);
  });

  it('is a tree out of which a file was taken after the gateway started', async () => {
    const started = await settled();
    unlinkSync(join(root, 'node_modules', 'ws', 'lib', 'websocket.js'));
    // Only the folder's own time tells of it.
    expect(await because(provenBy(started))).toMatch(/ws\/lib was changed after/);
  });

  it('is a tree to which a file was added after the gateway started', async () => {
    const started = await settled();
    mkdirSync(join(root, 'new'));
    rmdirSync(join(root, 'new'));
    expect(await because(provenBy(started))).toMatch(/openclaw was changed after/);
  });

  it('is a tree with a pipe in it', async () => {
    execFileSync('mkfifo', [join(root, 'docs', 'pipe')]);
    expect(await because()).toMatch(/docs\/pipe is neither a file nor a folder nor a link/);
  });

  it('is a tree with a link that leads out of it', async () => {
    put(join(root, 'docs', 'out'), { link: '../../elsewhere' });
    expect(await because()).toMatch(/leads out of its tree/);
  });

  it('is a tree that is not there, or is a file', async () => {
    rmSync(root, { recursive: true });
    expect(await because()).toMatch(/is no folder/);
    writeFileSync(root, '');
    expect(await because()).toMatch(/is no folder/);
  });

  it('is a file that changes while it is read', async () => {
    const { sink } = listening();
    const changing: UnitSink = {
      ...sink,
      begin: async ({ path }) => {
        if (path === 'node_modules/ws') appendFileSync(join(root, path, 'lib', 'websocket.js'), '!');
      },
    };
    const outcome = await recordTrees(asking(root), changing);
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('was changed while') });
  });

  it('is a tree that gets a file while it is read', async () => {
    const { sink } = listening();
    const changing: UnitSink = {
      ...sink,
      begin: async ({ path }) => {
        if (path === 'node_modules/ws') writeFileSync(join(root, path, 'new.js'), '');
      },
    };
    const outcome = await recordTrees(asking(root), changing);
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('was changed while') });
  });

  it('is anything once the sink is full, in its own words', async () => {
    const full: UnitSink = {
      ...listening().sink,
      file: async () => {
        throw new Error('the disk is full');
      },
    };
    const outcome = await recordTrees(asking(root), full);
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('the disk is full') });
  });

  it('is anything once it was asked to end', async () => {
    expect(await because({ signal: AbortSignal.abort() })).toBe('it was asked to end');
  });
});

describe('plugin projects', () => {
  it('are recorded beside the package, with the link OpenClaw makes to itself', async () => {
    const plugin = join(workspace(), 'feishu-1');
    plant(plugin, {
      'package.json': file('{}'),
      'node_modules/@openclaw/feishu/package.json': file('{"name":"@openclaw/feishu","version":"1.2.3"}'),
      'node_modules/@openclaw/feishu/node_modules/openclaw': { link: root },
    });
    const trees = [
      { name: 'openclaw', root },
      { name: 'plugin:feishu-1', root: plugin },
    ];
    const outcome = await recordTrees(asking(root, { trees }), null);
    if (outcome.kind !== 'recorded') throw new Error(outcome.because);
    const own = outcome.manifest.units.filter(({ tree }) => tree === 'plugin:feishu-1');
    expect(own.map(({ path }) => path)).toEqual(['', 'node_modules/@openclaw/feishu']);
    expect(outcome.manifest.head.trees).toEqual(trees);
  });

  it('that are gone are left out, with the reason', async () => {
    const trees = [
      { name: 'openclaw', root },
      { name: 'plugin:gone', root: join(root, '..', 'gone') },
    ];
    const outcome = await recordTrees(asking(root, { trees }), null);
    expect(outcome).toMatchObject({
      kind: 'recorded',
      manifest: { head: { trees: [{ name: 'openclaw' }] } },
      leftOut: [{ tree: 'plugin:gone', because: expect.stringContaining('is no folder') }],
    });
  });
});
