import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Instant, instant } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createProcesses } from '../../src/system/process.ts';
import { type Run, run } from '../../src/system/run.ts';
import type { RecordedFile, SnapshotContent } from '../../src/vault/snapshot.ts';
import { createSnapshotStore, type KeptStore } from '../../src/vault/snapshot-store.ts';

const tool = (name: string): string =>
  ['/usr/bin', '/bin', '/opt/homebrew/bin', '/usr/local/bin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path)) ?? `/no/${name}`;

export const gitPath = tool('git');
const clock = systemClock();
const processes = createProcesses({ ps: tool('ps'), run, clock });

export interface StoreGround {
  readonly dir: string;
  readonly knownGood: string;
  readonly lease: string;
  /** How many git processes were started so far. */
  readonly gits: () => number;
  readonly store: KeptStore;
  /** As a person would use the folder: with git as it is. */
  readonly git: (...args: readonly string[]) => string;
}

/** A real store with the real git under one folder; `wrap` stands between the store and its children. */
export function storeIn(
  root: string,
  {
    wrap,
    time,
    git: program = gitPath,
  }: { readonly wrap?: (run: Run) => Run; readonly time?: Clock; readonly git?: string } = {},
): StoreGround {
  const dir = join(root, 'config-backup');
  const knownGood = join(root, 'state', 'known-good');
  const lease = join(root, 'state', 'snapshots.lease');
  let count = 0;
  const counted: Run = (request) => {
    count += 1;
    return (wrap?.(run) ?? run)(request);
  };
  return {
    dir,
    knownGood,
    lease,
    gits: () => count,
    store: createSnapshotStore({
      dir,
      knownGood,
      lease,
      git: program,
      run: counted,
      clock: time ?? clock,
      processes,
    }),
    git: (...args) =>
      execFileSync(gitPath, ['-C', dir, ...args], {
        encoding: 'utf8',
        env: {
          ...process.env,
          GIT_CONFIG_GLOBAL: '/dev/null',
          GIT_AUTHOR_NAME: 'a person',
          GIT_AUTHOR_EMAIL: 'a@person',
          GIT_COMMITTER_NAME: 'a person',
          GIT_COMMITTER_EMAIL: 'a@person',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
  };
}

const dawn = Date.UTC(2026, 10, 1);

export function file(name: string, text: string | Buffer, rest: Partial<RecordedFile> = {}): RecordedFile {
  const role = name === 'openclaw.json' ? 'config' : name.startsWith('includes/') ? 'include' : 'service';
  return { name, role, path: `/home/u/.openclaw/${name}`, mode: 0o600, bytes: Buffer.from(text), ...rest };
}

let taken = 0;

export function content(
  files: readonly RecordedFile[],
  rest: Partial<SnapshotContent> = {},
): SnapshotContent {
  taken += 1;
  const takenAt: Instant = instant(dawn + taken * 60_000);
  return { files, openclaw: '2026.9.6', bootId: null, schemas: {}, takenAt, ...rest };
}

export const config = (text: string, rest: Partial<SnapshotContent> = {}): SnapshotContent =>
  content([file('openclaw.json', text)], rest);

/** Records and insists on it. */
export async function recorded(store: KeptStore, what: SnapshotContent): Promise<string> {
  const outcome = await store.record(what, { aside: null });
  if (outcome.kind !== 'recorded') throw new Error(JSON.stringify(outcome));
  return outcome.id;
}
