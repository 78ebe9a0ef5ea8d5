import { chmodSync, lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { instant } from '../../src/core/time.ts';
import { checkTrees } from '../../src/vault/compare-tree.ts';
import type { Manifest, ManifestHead, TreeCheck } from '../../src/vault/manifest.ts';
import { type RecordAsk, recordTrees } from '../../src/vault/read-tree.ts';

export const never = new AbortController().signal;

/** A file's content, a link's target, or an empty folder. */
export type Node =
  | { readonly file: string | Buffer; readonly mode?: number }
  | { readonly link: string }
  | 'folder';

export const file = (content: string | Buffer, mode = 0o644): Node => ({ file: content, mode });

/** Written long ago, so that nothing depends on the moment of the test. */
const writtenAt = 1_700_000_000;

export function plant(root: string, nodes: Readonly<Record<string, Node>>): void {
  mkdirSync(root, { recursive: true });
  for (const [path, node] of Object.entries(nodes)) put(join(root, path), node);
}

export function put(path: string, node: Node): void {
  mkdirSync(dirname(path), { recursive: true });
  if (node === 'folder') mkdirSync(path, { recursive: true });
  else if ('link' in node) symlinkSync(node.link, path);
  else {
    writeFileSync(path, node.file);
    chmodSync(path, node.mode ?? 0o644);
    utimesSync(path, writtenAt, writtenAt);
  }
}

/** Other bytes under the same size and time. */
export function flip(path: string, bytes: Buffer): void {
  const { atime, mtime } = lstatSync(path);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

/** A package as npm installs it, with what makes names and folders hard. */
export const openclaw: Readonly<Record<string, Node>> = {
  'package.json': file('{"name":"openclaw","version":"2026.9.6"}'),
  'openclaw.mjs': file('#!/usr/bin/env node\n', 0o755),
  'docs/a b/index.md': file('words'),
  'dist/index.js': file('start();'),
  'dist/run-A1.mjs': file('export const run = 1;'),
  'dist/empty.js': file(''),
  'dist/worker/worker.mjs': file('work();'),
  'node_modules/.bin/tool': { link: '../ws/bin/tool.js' },
  'node_modules/ws/package.json': file('{"name":"ws","version":"8.21.3"}'),
  'node_modules/ws/bin/tool.js': file('tool();', 0o755),
  'node_modules/ws/lib/websocket.js': file('class WebSocket {}'),
  'node_modules/@scope/one/package.json': file('{"name":"@scope/one","version":"1.0.0"}'),
  'node_modules/@scope/one/node_modules/deep/index.js': file('deep'),
  'node_modules/@scope/two/caf\u00e9.js': file('composed'),
  'node_modules/odd/cafe\u0301.js': file('decomposed'),
  'node_modules/odd/line\nbreak.js': file('newline'),
  'node_modules/odd/none': 'folder',
};

const head: Omit<ManifestHead, 'trees'> = {
  version: 1,
  openclaw: '2026.9.6',
  nodeAbi: '147',
  platform: 'linux',
  arch: 'x64',
  takenAt: instant(2_000_000_000_000),
  provenBy: instant(2_000_000_000_000),
  databases: { 'state/openclaw.sqlite': 12 },
};

export const asking = (root: string, more: Partial<RecordAsk> = {}): RecordAsk => ({
  head,
  trees: [{ name: 'openclaw', root }],
  signal: never,
  ...more,
});

export async function recorded(root: string): Promise<Manifest> {
  const outcome = await recordTrees(asking(root), null);
  if (outcome.kind !== 'recorded') throw new Error(outcome.because);
  return outcome.manifest;
}

export async function checked(manifest: Manifest, depth: TreeCheck['depth']): Promise<TreeCheck> {
  const outcome = await checkTrees(manifest, { depth, signal: never });
  if ('kind' in outcome) throw new Error(outcome.because);
  return outcome;
}

/** `missing node_modules/ws`, sorted. */
export const told = ({ differences }: TreeCheck): readonly string[] =>
  differences.map(({ kind, path }) => `${kind} ${path}`).sort();
