import type { Instant } from '../../core/time.ts';
import { readTrial } from '../../daemon/trial-file.ts';
import { changedKeys } from '../../daemon/trial-words.ts';
import { placed, standingOf } from '../../repairs/package-moves.ts';
import { hashOfConfig } from '../../repairs/swap-ground.ts';
import { type Kept, listKept } from '../../vault/kept.ts';
import { listRepairs, type Repair } from '../../vault/repair-records.ts';
import type { Context } from '../context.ts';
import { listLifeboat } from './lifeboat.ts';

/**
 * How a change stands now. `in-place`: it can be undone. `changed-since`: what it left is not there any more, so that
 * putting back what it replaced would overwrite somebody else's work. `nothing-before`: there is nothing to put back.
 * `unfinished`: it died in the middle, and the next thing that is done finishes it first.
 */
export type Standing = 'in-place' | 'undone' | 'changed-since' | 'nothing-before' | 'unfinished';

/** One thing that was done to the config or to the package, and what `immune undo` could do about it. */
export interface Undoable {
  readonly id: string;
  readonly what: 'config' | 'package';
  readonly at: Instant;
  readonly by: string;
  /** What it did, without values. */
  readonly did: string;
  readonly standing: Standing;
  /** Where what it replaced is kept. */
  readonly folder: string;
  /** The incident it was made in; null where it was nobody's. */
  readonly madeIn: string | null;
  /** It takes back another one. */
  readonly isUndo: boolean;
  readonly of:
    | { readonly kind: 'config'; readonly record: Kept['record'] }
    | { readonly kind: 'package'; readonly record: Repair['record'] }
    | { readonly kind: 'lifeboat'; readonly parts: readonly KeptPart[] };
}

/** One thing that the lifeboat replaced. */
export interface KeptPart {
  readonly path: string;
  /** What stood there; null for nothing. */
  readonly was: string | null;
  readonly put: string;
  /** The whole package. */
  readonly isTree: boolean;
}

/** Everything whose record is kept, newest first: the newest of each id, for that is the one an id stands for. */
export async function listUndoable({ paths }: Pick<Context, 'paths'>): Promise<readonly Undoable[]> {
  const [kept, repairs, lifeboat, trial] = await Promise.all([
    listKept(paths.quarantine),
    listRepairs(paths.quarantine),
    listLifeboat(paths.quarantine),
    readTrial(paths.state),
  ]);
  const applied = trial.kind === 'read' ? trial.trial : null;
  const hashes = new Map<string, string | null>();
  const hashNow = (configPath: string): string | null => {
    const known = hashes.get(configPath);
    if (known !== undefined) return known;
    const hash = hashOfConfig(configPath);
    hashes.set(configPath, hash);
    return hash;
  };
  const configs = kept.map((each) => configEntry(each, { hashNow, applied }));
  const packages = await Promise.all(
    repairs.filter(({ record }) => record.state !== 'failed').map(packageEntry),
  );
  const newest = new Map<string, Undoable>();
  for (const entry of [...configs, ...packages, ...lifeboat]) {
    const other = newest.get(entry.id);
    if (other === undefined || numberOf(other.folder) < numberOf(entry.folder)) newest.set(entry.id, entry);
  }
  return [...newest.values()].sort((one, other) => other.at - one.at || isLater(other, one));
}

/** It takes back another one: nothing to offer to somebody who wants things as they were. */
export const isUndoOf = ({ isUndo }: Pick<Undoable, 'isUndo'>): boolean => isUndo;

/** Two of one moment: the later was given the higher number. */
const isLater = (one: Undoable, other: Undoable): number =>
  one.id.localeCompare(other.id, 'en', { numeric: true });

/** `A7~2` is the second one of its id. */
function numberOf(folder: string): number {
  const number = /~(\d+)$/.exec(folder)?.[1];
  return number === undefined ? 1 : Number(number);
}

function configEntry(
  { folder, record }: Kept,
  on: {
    readonly hashNow: (configPath: string) => string | null;
    readonly applied: { readonly id: string; readonly by: string } | null;
  },
): Undoable {
  const { id, at, changes, undoes, state, files, left, configPath } = record;
  const standing = (): Standing => {
    if (state === 'begun') return 'unfinished';
    if (state === 'undone') return 'undone';
    if (files.every(({ kept }) => kept === null)) return 'nothing-before';
    return on.hashNow(configPath) === left ? 'in-place' : 'changed-since';
  };
  const did = undoes === null ? changedKeys(changes) : `took back ${undoes}: ${changedKeys(changes)}`;
  return {
    id,
    what: 'config',
    at,
    by: byOf(record, on.applied),
    did,
    standing: standing(),
    folder,
    madeIn: record.incident,
    isUndo: undoes !== null,
    of: { kind: 'config', record },
  };
}

function byOf(
  { id, planKind, incident, undoesFor }: Kept['record'],
  applied: { readonly id: string; readonly by: string } | null,
): string {
  if (undoesFor === 'asked') return 'an operator, by immune undo';
  if (undoesFor !== undefined) return 'the watchdog';
  if (applied?.id === id) return applied.by;
  if (!id.startsWith('T'))
    return incident === null ? 'the watchdog' : `the watchdog, in incident ${incident}`;
  // Who typed it is in the journal; the record only tells what it was made from.
  return planKind === 'apply' ? 'an operator, by immune apply or edit' : 'an operator, by immune fix-config';
}

async function packageEntry({ folder, record }: Repair): Promise<Undoable> {
  const { id, at, incident, because, state } = record;
  const standing = async (): Promise<Standing> => {
    if (state === 'undone') return 'undone';
    if (state !== 'made') return 'unfinished';
    return (await isInPlace(record)) ? 'in-place' : 'changed-since';
  };
  const operator = id.startsWith('P');
  const watchdog = incident === null ? 'the watchdog' : `the watchdog, in incident ${incident}`;
  return {
    id,
    what: 'package',
    at,
    by: operator ? 'an operator, by immune fix-deps' : watchdog,
    did: because,
    standing: await standing(),
    folder,
    madeIn: incident,
    isUndo: false,
    of: { kind: 'package', record },
  };
}

/** By what stands where; what is in it is compared when it is really undone. */
async function isInPlace(record: Repair['record']): Promise<boolean> {
  try {
    for (const each of placed(record)) if ((await standingOf(each)) !== 'put') return false;
    return true;
  } catch {
    // A folder that cannot be read is nobody's proof; the undo itself says which one it is.
    return false;
  }
}
