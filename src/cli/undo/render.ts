import { basename } from 'node:path';
import { parseJson5 } from '../../config/json5.ts';
import { changeWords, diffValues } from '../../core/config-change.ts';
import { UserError } from '../../core/errors.ts';
import { maxConfigBytes } from '../../repairs/keep-file.ts';
import { placed } from '../../repairs/package-moves.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { plainLine } from '../../system/log-text.ts';
import type { KeptRecord } from '../../vault/kept.ts';
import type { RepairRecord } from '../../vault/repair-records.ts';
import { exitCodes } from '../exit-codes.ts';
import { renderCommand } from '../install/render.ts';
import { clockTime } from '../status/words.ts';
import { isUndoOf, type KeptPart, type Standing, type Undoable } from './undoable.ts';

/** A screen; `--json` has all of them. */
const maxListed = 20;
const maxWordsChars = 140;
const maxPlanLines = 40;

const standings: Readonly<Record<Standing, string>> = {
  'in-place': 'can be undone',
  undone: 'was undone',
  'changed-since': 'changed since',
  'nothing-before': 'nothing was there before',
  unfinished: 'not finished',
};

/** The list, newest first, one line each. */
export function renderUndoable(entries: readonly Undoable[]): string {
  if (entries.length === 0) return `${nothingToUndo}\n`;
  const rows = entries
    .slice(0, maxListed)
    .map((entry) => [
      entry.id,
      clockTime(entry.at),
      entry.what,
      standings[entry.standing],
      shortened(`${entry.by}: ${entry.did}`),
    ]);
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const widths = [0, 1, 2, 3].map(width);
  const lines = rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '));
  const more = entries.length - rows.length;
  return `${[...lines, ...(more > 0 ? [`and ${more} older ones: immune undo --json`] : [])].join('\n')}\n`;
}

export const nothingToUndo = 'there is nothing to undo: no change and no repair is kept';

export const undoableJson = ({ id, what, at, by, did, standing, folder }: Undoable): object => ({
  id,
  what,
  at: new Date(at).toISOString(),
  by,
  did,
  standing,
  kept: folder,
});

/** "T3 of 2026-11-22 03:00:01, by the watchdog". */
export const nameOf = ({ id, at, by }: Undoable): string => `${id} of ${clockTime(at)}, by ${by}`;

/** What would be put back, line by line. Reads, and changes nothing. */
export async function undoPlan({ of }: Undoable): Promise<readonly string[]> {
  const lines = await planLines(of);
  const more = lines.length - maxPlanLines;
  return more > 0 ? [...lines.slice(0, maxPlanLines), `and ${more} more`] : lines;
}

async function planLines(of: Undoable['of']): Promise<readonly string[]> {
  switch (of.kind) {
    case 'config':
      return configPlan(of.record);
    case 'package':
      return packagePlan(of.record);
    case 'lifeboat':
      return (await Promise.all(of.parts.map(partPlan))).flat();
    default:
      return of satisfies never;
  }
}

async function partPlan({ path, was, isTree }: KeptPart): Promise<readonly string[]> {
  if (was === null) return [`${path}: moved away, for nothing stood there before`];
  const changes = isTree ? [] : await changesOf(path, was);
  return [`${path}: put back from ${was}`, ...changes.map((change) => `  ${change}`)];
}

async function configPlan({ files }: KeptRecord): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { named, path, kept, how } of files) {
    if (kept === null) lines.push(`${named}: removed, for nothing stood there before`);
    else {
      lines.push(`${named}: put back from ${kept}`);
      if (how === 'copied') for (const change of await changesOf(path, kept)) lines.push(`  ${change}`);
    }
  }
  return lines;
}

/** By key, never a value. */
async function changesOf(path: string, kept: string): Promise<readonly string[]> {
  const [now, then] = [await readValue(path), await readValue(kept)];
  if (now === undefined || then === undefined) return ['the whole text is changed'];
  const changes = diffValues(now, then, basename(path)).map(changeWords);
  return changes.length === 0 ? ['no key differs'] : changes;
}

async function readValue(path: string): Promise<unknown> {
  const read = await readIfExists(path, maxConfigBytes);
  const parsed = read.kind === 'read' ? parseJson5(read.bytes.toString('utf8')) : null;
  return parsed?.kind === 'ok' ? parsed.value : undefined;
}

function packagePlan(record: RepairRecord): readonly string[] {
  return placed(record).map(({ live, move, replaced }) =>
    move.was === null
      ? `${live}: removed, for nothing stood there before`
      : `${live}: put back from ${replaced}`,
  );
}

/** Why this one is not undone, and what to type instead. */
export function notUndoable(entry: Undoable, all: readonly Undoable[]): UserError {
  const words: Readonly<Record<Standing, string>> = {
    'in-place': 'it is in place',
    undone: 'it was undone already',
    'changed-since': `${entry.what === 'config' ? 'the config' : 'what it put into the package'} was changed since`,
    'nothing-before': 'there was no file before it, so there is none to put back',
    unfinished: 'it is not finished',
  };
  const kept = entry.standing === 'nothing-before' ? '' : `; what it replaced is kept in ${entry.folder}`;
  return new UserError(
    'refused',
    `nothing was changed: ${entry.id} cannot be undone, for ${words[entry.standing]}${kept}`,
    { hint: insteadOf(entry, all), exitCode: exitCodes.refused },
  );
}

/** The next command where an undo is refused. */
export function insteadOf(entry: Undoable | null, all: readonly Undoable[]): string {
  if (entry === null) return 'immune undo';
  const later = all.find(
    (each) =>
      each.what === entry.what && each.standing === 'in-place' && each.at >= entry.at && !isUndoOf(each),
  );
  // Changes are taken back in the order they lie on one another.
  if (later !== undefined && later.id !== entry.id) return `immune undo ${later.id}`;
  if (entry.what === 'package') return 'immune fix-deps --dry-run';
  const file = keptFileOf(entry);
  return file === null ? 'immune snapshots' : renderCommand(['immune', 'apply', '--dry-run', file]);
}

/** The config as it was before, as a file that can be applied. */
function keptFileOf({ of }: Undoable): string | null {
  switch (of.kind) {
    case 'config':
      return of.record.files.find(({ how }) => how === 'copied')?.kept ?? null;
    case 'lifeboat':
      return of.parts.find(({ path, isTree }) => !isTree && basename(path) === 'openclaw.json')?.was ?? null;
    case 'package':
      return null;
    default:
      return of satisfies never;
  }
}

function shortened(text: string): string {
  // A damaged record may hold anything, a terminal sequence too.
  const line = plainLine(text.replace(/\s+/g, ' '));
  return line.length > maxWordsChars ? `${line.slice(0, maxWordsChars)}…` : line;
}
