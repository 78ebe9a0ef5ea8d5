import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { instant } from '../../src/core/time.ts';
import type { ArchiveRequest } from '../../src/vault/create-archive.ts';
import type { ManifestHead } from '../../src/vault/manifest.ts';

export const never = new AbortController().signal;
/** Names longer than a tar header has room for, and beyond ASCII. */
export const longName = `docs/${'very-'.repeat(20)}long/${'name-'.repeat(20)}über.txt`;

export interface ArchiveGround {
  readonly root: string;
  readonly tree: string;
  readonly archives: string;
  readonly request: (changes?: Partial<ArchiveRequest>) => ArchiveRequest;
  readonly head: (changes?: Partial<ManifestHead>) => Omit<ManifestHead, 'trees'>;
  readonly write: (path: string, text: string | Buffer) => void;
  close(): void;
}

const start = Date.UTC(2026, 10, 22, 12);
let minutes = 0;

/** A small installation with all that one has: packages, scopes, links, programs, folders without files, long names. */
export function archiveGround(): ArchiveGround {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'immune-archive-')));
  const tree = join(root, 'lib', 'openclaw');
  const archives = join(root, 'archives');
  const write = (path: string, text: string | Buffer): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  };
  write('package.json', JSON.stringify({ name: 'openclaw', version: '2026.9.6' }));
  write('openclaw.mjs', '#!/usr/bin/env node\n');
  chmodSync(join(tree, 'openclaw.mjs'), 0o755);
  for (const name of ['a', 'b', 'c', 'd']) write(`dist/${name}.js`, `export const ${name} = 1;\n`);
  write('dist/worker/worker.js', Buffer.alloc(70_000, 'work '));
  write('node_modules/ws/package.json', JSON.stringify({ name: 'ws', version: '8.21.3' }));
  write('node_modules/ws/lib/websocket.js', 'module.exports = 1;\n');
  write('node_modules/ws/empty.js', '');
  write('node_modules/@scope/one/index.js', 'one\n');
  write('node_modules/@scope/two/index.js', 'two\n');
  write(longName, 'long\n');
  mkdirSync(join(tree, 'node_modules/ws/none'));
  mkdirSync(join(tree, 'node_modules/.bin'));
  symlinkSync('../ws/lib/websocket.js', join(tree, 'node_modules/.bin/ws'));
  symlinkSync(`../${'very-'.repeat(25)}long/target`, join(tree, 'docs/link'));
  const head: ArchiveGround['head'] = (changes = {}) => {
    minutes += 1;
    return {
      version: 1,
      openclaw: '2026.9.6',
      nodeAbi: '147',
      platform: 'linux',
      arch: 'x64',
      takenAt: instant(start + minutes * 60_000),
      // The clock that stamps files is a little behind the one that is asked.
      provenBy: instant(Date.now() + 60_000),
      databases: {},
      ...changes,
    };
  };
  return {
    root,
    tree,
    archives,
    head,
    write,
    request: (changes = {}) => {
      const own = head();
      return {
        archivesDir: archives,
        head: own,
        trees: [{ name: 'openclaw', root: tree }],
        signal: never,
        now: () => own.takenAt,
        judge: async () => null,
        ...changes,
      };
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** What is below a folder: mode, size of time in whole seconds left out, content or link target. */
export function print(root: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode, mtimeMs } = lstatSync(path);
    const bits = (mode & 0o777).toString(8);
    const name = path.slice(root.length + 1);
    if (entry.isSymbolicLink()) found[name] = `-> ${readlinkSync(path)}`;
    else if (entry.isDirectory()) found[name] = `${bits} folder`;
    else found[name] = `${bits} ${Math.floor(mtimeMs / 1_000)} ${readFileSync(path, 'latin1')}`;
  }
  return found;
}
