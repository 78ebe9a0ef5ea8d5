import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { instant, seconds } from '../../core/time.ts';
import type { Answer } from '../../daemon/commands.ts';
import { isThere } from '../../repairs/keep-file.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { cleanEnvironment, run } from '../../system/run.ts';
import { isRecord, parseRecord } from '../../vault/stored-text.ts';
import { lifeboatName } from '../change-words.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { KeptPart, Standing, Undoable } from './undoable.ts';

const maxPathBytes = 8_192;
/** A config of ours has a few dozen files with its includes. */
const maxParts = 500;
const maxFolders = 200;
const maxConfigBytes = 8_388_608;
/** It copies and renames; a package is moved, not copied. */
const undoWithinMs = seconds(120);

/** Newest last, as their names sort. */
export async function listLifeboat(quarantine: string): Promise<readonly Undoable[]> {
  const names = (await readdir(quarantine).catch(() => [])).filter((name) => lifeboatName.test(name)).sort();
  const found: Undoable[] = [];
  for (const name of names.slice(-maxFolders)) {
    const entry = await entryOf(name, join(quarantine, name));
    if (entry !== null) found.push(entry);
  }
  return found;
}

/** Null for a folder in which nothing was kept: it died before it replaced anything. */
async function entryOf(id: string, folder: string): Promise<Undoable | null> {
  const [, year, month, day, hour, minute, second] = (lifeboatName.exec(id) ?? []).map(Number);
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  const parts = await partsOf(folder);
  if (parts.length === 0 || Number.isNaN(at)) return null;
  const what = (await lineOf(join(folder, 'what'))) ?? 'something';
  return {
    id,
    what: parts.some(({ isTree }) => isTree) ? 'package' : 'config',
    at: instant(at),
    by: 'an operator, by the lifeboat',
    did: what.startsWith('undo of ')
      ? `took back ${what.slice('undo of '.length)}`
      : `put a kept ${what} in place`,
    madeIn: null,
    isUndo: what.startsWith('undo of '),
    standing: await standingOf(folder, parts),
    folder,
    of: { kind: 'lifeboat', parts },
  };
}

async function partsOf(folder: string): Promise<readonly KeptPart[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) =>
    /^(?:\d{1,6}|tree)\.path$/.test(name),
  );
  const parts: KeptPart[] = [];
  for (const name of names.sort().slice(0, maxParts)) {
    const path = await lineOf(join(folder, name));
    if (path === null) continue;
    const part = join(folder, name.slice(0, -'.path'.length));
    const isTree = name === 'tree.path';
    const was = isTree ? await lineOf(`${part}.was`) : `${part}.was`;
    parts.push({ path, was: was !== null && (await isThere(was)) ? was : null, put: `${part}.put`, isTree });
  }
  return parts;
}

async function standingOf(folder: string, parts: readonly KeptPart[]): Promise<Standing> {
  if (await isThere(join(folder, 'undone'))) return 'undone';
  for (const { path, was, put, isTree } of parts) {
    if (isTree || !(await isThere(path)) || (await isSame(path, put))) continue;
    // It died just before it put anything there.
    if (was === null || !(await isSame(path, was))) return 'changed-since';
  }
  return 'in-place';
}

/** As the lifeboat itself judges it: where nothing was put, nothing can differ. */
async function isSame(path: string, put: string): Promise<boolean> {
  const [now, then] = [await readIfExists(path, maxConfigBytes), await readIfExists(put, maxConfigBytes)];
  if (then.kind === 'missing') return true;
  return now.kind === 'read' && then.kind === 'read' && now.bytes.equals(then.bytes);
}

async function lineOf(path: string): Promise<string | null> {
  const read = await readIfExists(path, maxPathBytes);
  const line = read.kind === 'read' ? (read.bytes.toString('utf8').split('\n')[0] ?? '') : '';
  return line === '' ? null : line;
}

/** By the lifeboat itself, which knows its own records; it takes the lease as we do. */
export async function undoByLifeboat(id: string, { paths, signal }: Context): Promise<Answer> {
  const result = await run({
    file: '/bin/sh',
    args: [join(paths.bin, 'lifeboat.sh'), 'undo', id, '--yes', '--json'],
    timeoutMs: undoWithinMs,
    env: { ...cleanEnvironment(), OPENCLAW_IMMUNE_DATA: paths.data },
    signal,
  });
  if (result.kind !== 'exited')
    return { ok: false, why: 'failed', text: 'the lifeboat did not come to an end', next: 'immune undo' };
  const told = parseRecord(result.stdout);
  const text = isRecord(told) && typeof told['outcome'] === 'string' ? told['outcome'] : null;
  const next = isRecord(told) && typeof told['next'] === 'string' ? told['next'] : '';
  if (text === null)
    return {
      ok: false,
      why: 'failed',
      text: `the lifeboat in ${paths.bin} does not answer as it should (exit ${result.code})`,
      next: './install.sh',
    };
  if (result.code === exitCodes.ok) return { ok: true, text };
  const hint = next === '' ? {} : { next };
  // Its own next command is for one who has no Node: here the watchdog may be the one at work, and should stay.
  if (result.code === exitCodes.busy) return { ok: false, why: 'busy', text };
  return { ok: false, text, ...(result.code === exitCodes.unhealthy ? { why: 'failed' } : {}), ...hint };
}
