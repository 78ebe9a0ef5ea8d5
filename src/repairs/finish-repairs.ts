import { promises as nodeFiles } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  listRepairs,
  type Repair,
  type RepairRecord,
  repairRecordName,
  writeRepair,
} from '../vault/repair-records.ts';
import { isPlainName } from '../vault/stored-text.ts';
import {
  alone,
  type PackageRepairDeps,
  type RepairOutcome,
  type RepairStop,
  verifyPut,
} from './package-ground.ts';
import { placed, putAll, type RepairFiles, realFiles, standingOf, takeAllBack } from './package-moves.ts';

export type FinishDeps = Pick<PackageRepairDeps, 'quarantine' | 'vault' | 'sound' | 'packageWork' | 'files'>;

export interface FinishedRepair {
  readonly id: string;
  /**
   * `dropped`: it had replaced nothing. `taken-back`: all is as it was before. `kept`: somebody else has put something
   * in its place since; that is left alone, and what it had replaced is kept. `failed`: tried again later.
   */
  readonly kind: 'completed' | 'dropped' | 'taken-back' | 'kept' | 'failed';
  readonly because: string;
}

/** At the start of the watchdog, before anything is decided: completes or takes back what died in the middle. */
export async function finishRepairs(deps: FinishDeps): Promise<readonly FinishedRepair[]> {
  return (await alone(deps.quarantine, () => finishBegun(deps))) ?? [];
}

/** The same for one that is alone already. Finding none costs one listing. */
export async function finishBegun(deps: FinishDeps): Promise<readonly FinishedRepair[]> {
  const { quarantine, files = realFiles } = deps;
  const finished: FinishedRepair[] = [];
  // Oldest first: a later repair stands on what an earlier one left.
  for (const repair of (await listRepairs(quarantine)).toReversed()) {
    try {
      const told = await finish(repair, deps);
      if (told !== null) finished.push(told);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const { id } = repair.record;
      finished.push({ id, kind: 'failed', because: `the repair ${id} could not be finished: ${why}` });
    }
  }
  await removeTorn(quarantine, files);
  return finished;
}

async function finish(repair: Repair, deps: FinishDeps): Promise<FinishedRepair | null> {
  const { files = realFiles } = deps;
  const { record } = repair;
  const { id } = record;
  switch (record.state) {
    case 'staging':
      await dropRepair(repair, files);
      return {
        id,
        kind: 'dropped',
        because: `the repair ${id} was interrupted before it replaced anything, and was dropped`,
      };
    case 'begun':
    case 'undoing': {
      const work = await deps.packageWork();
      if (work !== null)
        return { id, kind: 'failed', because: `the repair ${id} was interrupted, and ${work}` };
      return record.state === 'begun' ? goOn(repair, deps) : goBack(repair, deps);
    }
    case 'failed':
    case 'made':
      await clear(repair, files);
      return null;
    case 'undone':
      return null;
    default:
      return record.state satisfies never;
  }
}

async function goOn(repair: Repair, deps: FinishDeps): Promise<FinishedRepair> {
  const { files = realFiles } = deps;
  const { folder, record } = repair;
  const { id } = record;
  if (await hasForeign(record)) {
    return goBack({ folder, record: { ...record, state: 'undoing', undoneFor: 'interrupted' } }, deps);
  }
  const failure = await putAll(record, files);
  if (failure !== null) return { id, kind: 'failed', because: failure.because };
  const outcome = await settle(repair, deps);
  if (outcome.kind === 'done' && outcome.unfinished === null) {
    return {
      id,
      kind: 'completed',
      because: `the repair ${id} was interrupted in the middle, and was completed`,
    };
  }
  return outcome.kind === 'done'
    ? { id, kind: 'failed', because: outcome.unfinished ?? '' }
    : { id, kind: 'taken-back', because: `the repair ${id} was interrupted; ${outcome.because}` };
}

async function hasForeign(record: RepairRecord): Promise<boolean> {
  for (const each of placed(record)) if ((await standingOf(each)) === 'foreign') return true;
  return false;
}

async function goBack({ folder, record }: Repair, deps: FinishDeps): Promise<FinishedRepair> {
  const { files = realFiles } = deps;
  const { id } = record;
  const noted = await writeRepair({ folder, record }, files);
  if (noted.kind === 'failed') return { id, kind: 'failed', because: noted.because };
  const { failure, whole } = await takeAllBack(record, files);
  if (failure !== null) return { id, kind: 'failed', because: failure.because };
  const why = `the repair ${id} was interrupted`;
  const because = whole
    ? `${why}, and all is as it was before`
    : `${why}, and somebody else has changed the package since: that is left as it is, and what the repair had replaced is kept in ${keptIn(record)}`;
  const state = record.undoneFor === 'failed' && whole ? 'failed' : 'undone';
  const written = await writeRepair({ folder, record: { ...record, state, because } }, files);
  if (written.kind === 'failed') return { id, kind: 'failed', because: written.because };
  if (state === 'failed') await clear({ folder, record: { ...record, state } }, files);
  return { id, kind: whole ? 'taken-back' : 'kept', because };
}

/** The last part of a repair whose moves are made: what was put is looked at, and then it counts. */
export async function settle({ folder, record }: Repair, deps: FinishDeps): Promise<RepairOutcome> {
  const { files = realFiles } = deps;
  const differs = await verifyPut(record, deps);
  if (differs !== null) {
    const because = `what was put in place is not what was to come (${differs}), and all was put back`;
    return giveBack({ folder, record }, { kind: 'failed', because }, deps);
  }
  const made: RepairRecord = { ...record, state: 'made' };
  const written = await writeRepair({ folder, record: made }, files);
  const unfinished =
    written.kind === 'failed'
      ? `the record of the repair ${record.id} could not be written, and is finished at the next start: ${written.because}`
      : null;
  if (unfinished === null) await clear({ folder, record: made }, files);
  return { kind: 'done', repair: { folder, record: made }, unfinished };
}

/** Takes back whatever was moved. What is returned says `failed`, and that is true: nothing is replaced then. */
export async function giveBack(
  { folder, record }: Repair,
  stop: RepairStop,
  { files = realFiles }: Pick<FinishDeps, 'files'>,
): Promise<RepairOutcome> {
  const undoing: RepairRecord = { ...record, state: 'undoing', undoneFor: 'failed', because: stop.because };
  // A death from here on is to end in the old tree; where this cannot be written it ends in the new one.
  await writeRepair({ folder, record: undoing }, files);
  const { failure, whole } = await takeAllBack(record, files);
  if (whole) {
    if (stop.code === 'EXDEV') await dropRepair({ folder, record: { ...record, state: 'staging' } }, files);
    else await dropRepair({ folder, record: { ...undoing, state: 'failed' } }, files);
    return { ...stop, kind: 'failed' };
  }
  // Somebody else's work is in the way, and no later try would find it gone; a failure is tried again at the next start.
  if (failure === null) await writeRepair({ folder, record: { ...undoing, state: 'undone' } }, files);
  const why = failure?.because ?? 'somebody changed it at this very moment';
  return {
    kind: 'failed',
    because: `${stop.because}; what was there before could not all be put back: ${why} (it is kept in ${keptIn(record)})`,
  };
}

/** Where people find what was replaced. */
export const keptIn = ({ trees }: Pick<RepairRecord, 'trees'>): string =>
  [...new Set(trees.map(({ place }) => join(place, 'replaced')))].join(' and ');

/**
 * Removes a repair that replaced nothing. The record goes last, for it names the folders beside the package; one that
 * failed stays, without them.
 */
export async function dropRepair(
  { folder, record }: { readonly folder: string; readonly record: RepairRecord | null },
  files: RepairFiles,
): Promise<void> {
  if (record !== null) {
    const first = await writeRepair({ folder, record }, files);
    const cleared = await clear({ folder, record }, files);
    // On a full disk there is room for it now.
    if (first.kind === 'failed') await writeRepair({ folder, record }, files);
    if (!cleared || record.state === 'failed') return;
    await files.unlink(join(folder, repairRecordName)).catch(() => undefined);
  }
  await removeIfEmpty(folder);
}

/** Takes away what was staged, and folders that held something for a while. False where something stays. */
async function clear({ folder, record }: Repair, files: RepairFiles): Promise<boolean> {
  let cleared = true;
  for (const place of new Set(record.trees.map((tree) => tree.place))) {
    for (const name of ['new', 'put']) {
      const gone = files.rm(join(place, name), { recursive: true, force: true });
      // What cannot be removed lies in a private folder; the next start tries again.
      cleared =
        (await gone.then(
          () => true,
          () => false,
        )) && cleared;
    }
  }
  // What was replaced is never removed here, only the folders around it, and those once all of it is back.
  if (record.state === 'made') return cleared;
  for (const { tree, replaced } of placed(record)) {
    const top = join(tree.place, 'replaced');
    for (let each = dirname(replaced); each.startsWith(top); each = dirname(each)) await removeIfEmpty(each);
  }
  for (const { place } of record.trees) if (place !== folder) await removeIfEmpty(place);
  return cleared;
}

/** Not empty where something was left on purpose. */
const removeIfEmpty = (folder: string): Promise<void> => nodeFiles.rmdir(folder).catch(() => undefined);

/** What dies leaves a record half-written; before it had a record, nothing but that in a folder. */
async function removeTorn(quarantine: string, files: RepairFiles): Promise<void> {
  const names = (await nodeFiles.readdir(quarantine).catch(() => [])).filter(isPlainName);
  for (const name of names) {
    const folder = join(quarantine, name);
    const inside = await nodeFiles.readdir(folder).catch(() => null);
    if (inside === null) continue;
    const torn = inside.filter((each) => tornRecord.test(each));
    // What cannot be removed is a small private file, and is tried again.
    for (const each of torn) await files.unlink(join(folder, each)).catch(() => undefined);
    if (torn.length === inside.length) await removeIfEmpty(folder);
  }
}

const tornRecord = /^\.repair\.json\..+\.tmp$/;
