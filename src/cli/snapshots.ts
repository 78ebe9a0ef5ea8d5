import { createHash } from 'node:crypto';
import { parseJson5 } from '../config/json5.ts';
import { keyText } from '../core/config-change.ts';
import { UserError } from '../core/errors.ts';
import { leavesOf } from '../core/mask.ts';
import type { ConfigTexts } from '../probes/config-set.ts';
import type { SnapshotContent, SnapshotEntry, SnapshotStore } from '../vault/snapshot.ts';
import { differenceOf, textsOfFiles } from './config-difference.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import {
  type Listed,
  renderDifference,
  renderList,
  renderShown,
  type Shown,
  shortId,
} from './snapshots-render.ts';
import type { SnapshotsAsk } from './snapshots-words.ts';
import { styleFor } from './style.ts';

/** What the command looks at. */
export interface SnapshotShop {
  readonly store: SnapshotStore;
  /** The config on disk. */
  readonly live: () =>
    | { readonly kind: 'read'; readonly texts: ConfigTexts }
    | { readonly kind: 'failed'; readonly because: string };
  /** Takes what looks like a secret out of words that were written by others. */
  readonly redact: (text: string) => string;
}

/** All of a long history: enough to find any id in. */
const wholeHistory = 10_000;
/** Values that `show` prints; a config has some hundred. */
const mostValues = 2_000;

/** `immune snapshots`: 0 when it could be answered (for verify: and all is well), else 3. Changes nothing. */
export async function runSnapshots(
  command: { readonly ask: SnapshotsAsk; readonly json: boolean },
  context: Context,
  shop: SnapshotShop,
): Promise<number> {
  const { ask, json } = command;
  const print = (value: object, text: string): void => {
    const whole = json ? `${JSON.stringify({ version: 1, ...value }, null, 2)}\n` : text;
    context.out.write(shop.redact(whole));
  };
  switch (ask.kind) {
    case 'list': {
      const { entries, problem } = await listing(shop.store, ask.limit + 1);
      const listed = await withDifferences(shop.store, entries, ask.limit);
      if (problem !== null && !json) context.err.write(`immune: ${shop.redact(problem)}\n`);
      const text = listed.length === 0 ? 'no snapshot has been recorded yet\n' : null;
      print(
        { problem, snapshots: listed.map(listedJson) },
        text ?? renderList(listed, styleFor(context.out, context.env)),
      );
      return exitCodes.ok;
    }
    case 'show': {
      const entry = await find(shop.store, ask.id);
      const shown = shownOf(entry, await read(shop.store, entry));
      print(shownJson(shown), renderShown(shown));
      return exitCodes.ok;
    }
    case 'diff': {
      const one = await find(shop.store, ask.id);
      const other = ask.other === null ? null : await find(shop.store, ask.other);
      const older = textsOfFiles((await read(shop.store, one)).files);
      const newer = other === null ? liveOf(shop) : textsOfFiles((await read(shop.store, other)).files);
      const difference = differenceOf(older, newer);
      const keys = difference.keys.map((change) => ({
        ...change,
        path: undefined,
        key: keyText(change.path),
      }));
      const ids = { from: one.id, to: other?.id ?? null };
      const head = `from ${shortId(one.id)} to ${other === null ? 'the config on disk' : shortId(other.id)}:\n`;
      print({ ...ids, keys, files: difference.files }, `${head}${renderDifference(difference)}`);
      return exitCodes.ok;
    }
    case 'verify': {
      const { ok, checked, problems } = await shop.store.verify();
      const all = `${checked} snapshot${checked === 1 ? '' : 's'} checked`;
      const text = ok
        ? `${all}: every file is as it was recorded\n`
        : `${all}, and something is wrong:\n${problems.map((problem) => `  ${problem}\n`).join('')}`;
      print({ ok, checked, problems }, text);
      return ok ? exitCodes.ok : exitCodes.unhealthy;
    }
    default:
      return ask satisfies never;
  }
}

function liveOf({ live }: SnapshotShop): ConfigTexts {
  const found = live();
  if (found.kind === 'read') return found.texts;
  throw new UserError('no-config', `there is nothing to compare with: ${found.because}`, {
    hint: 'immune snapshots diff newest verified',
    exitCode: exitCodes.unhealthy,
  });
}

async function listing(
  store: SnapshotStore,
  limit: number,
): Promise<{ readonly entries: readonly SnapshotEntry[]; readonly problem: string | null }> {
  const found = await store.list(limit);
  if (found.kind === 'listed') return found;
  throw unreadable(found.because);
}

async function find(store: SnapshotStore, id: string): Promise<SnapshotEntry> {
  const { entries } = await listing(store, id === 'newest' ? 1 : wholeHistory);
  const matches = entries.filter((entry) =>
    id === 'newest' ? true : id === 'verified' ? entry.label === 'verified' : entry.id.startsWith(id),
  );
  const [first, second] = matches;
  if (first === undefined) {
    const what =
      id === 'newest'
        ? 'no snapshot at all'
        : id === 'verified'
          ? 'no verified snapshot'
          : `no snapshot ${id}`;
    throw new UserError('no-snapshot', `there is ${what}`, {
      hint: 'immune snapshots',
      exitCode: exitCodes.unhealthy,
    });
  }
  if (second !== undefined && id !== 'verified') {
    throw new UserError('ambiguous', `${id} is the beginning of ${matches.length} snapshots`, {
      hint: `immune snapshots show ${shortId(first.id)}`,
      exitCode: exitCodes.usage,
    });
  }
  return first;
}

async function read(store: SnapshotStore, { id }: SnapshotEntry): Promise<SnapshotContent> {
  const found = await store.read(id);
  if (found.kind === 'read') return found.content;
  throw unreadable(found.because);
}

const unreadable = (because: string): UserError =>
  new UserError('snapshots-unreadable', `the snapshots cannot be read: ${because}`, {
    hint: 'immune snapshots verify',
    exitCode: exitCodes.unhealthy,
  });

/** Each against the one before it. `entries` may hold one more than is shown, for the last one's sake. */
async function withDifferences(
  store: SnapshotStore,
  entries: readonly SnapshotEntry[],
  limit: number,
): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  let files: ConfigTexts | null = null;
  for (const [at, entry] of entries.slice(0, limit).entries()) {
    const newer: ConfigTexts | null = files ?? (await filesOf(store, entry));
    const before = entries[at + 1];
    const older: ConfigTexts | null = before === undefined ? null : await filesOf(store, before);
    listed.push({ entry, difference: newer === null || older === null ? null : differenceOf(older, newer) });
    files = older;
  }
  return listed;
}

/** Null for one that cannot be read: the list goes on, and `verify` says what is wrong. */
async function filesOf(store: SnapshotStore, { id }: SnapshotEntry): Promise<ConfigTexts | null> {
  const found = await store.read(id);
  return found.kind === 'read' ? textsOfFiles(found.content.files) : null;
}

function shownOf(entry: SnapshotEntry, content: SnapshotContent): Shown {
  const remarks: string[] = [];
  const values = [...textsOfFiles(content.files)].flatMap(([file, bytes]) => {
    const parsed = parseJson5(bytes.toString('utf8'));
    if (parsed.kind !== 'ok') {
      remarks.push(`${file} does not parse, so nothing of it is shown`);
      return [];
    }
    const { leaves, cut } = leavesOf(parsed.value, mostValues);
    if (cut) remarks.push(`${file} holds more than ${mostValues} values; the others are left out`);
    return leaves.map(({ path, shown }) => ({ file, key: keyText(path), value: shown }));
  });
  const files = content.files.map(({ name, bytes }) => ({
    name,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
  }));
  return { entry, content, files, values, remarks };
}

function listedJson({ entry, difference }: Listed): object {
  return {
    ...entryJson(entry),
    changes: difference?.keys.map(({ file, path, kind }) => ({ file, key: keyText(path), kind })) ?? null,
    files: difference?.files ?? null,
  };
}

function shownJson({ entry, content, files, values, remarks }: Shown): object {
  const { bootId, schemas } = content;
  return { ...entryJson(entry), bootId, schemas, files, values, remarks };
}

const entryJson = (entry: SnapshotEntry): object => ({
  ...entry,
  takenAt: new Date(entry.takenAt).toISOString(),
});
