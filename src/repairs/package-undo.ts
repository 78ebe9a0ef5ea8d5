import { type Repair, type RepairRecord, readRepair, writeRepair } from '../vault/repair-records.ts';
import { finishBegun, keptIn } from './finish-repairs.ts';
import {
  alone,
  failed,
  late,
  type PackageRepairDeps,
  type RepairOutcome,
  refused,
  verifyPut,
} from './package-ground.ts';
import { placed, putAll, realFiles, standingOf, takeAllBack } from './package-moves.ts';

/** What a repair is taken back for, and until when that is wanted. */
export interface RepairPurpose {
  readonly why: 'unhelpful' | 'asked';
  readonly signal: AbortSignal;
}

/**
 * Puts back what a repair replaced; what it had put there is kept in its place. Refused when what stands there is not
 * what the repair had put: that is somebody else's by now. Starts nothing.
 */
export async function undoRepair(
  id: string,
  purpose: RepairPurpose,
  deps: PackageRepairDeps,
): Promise<RepairOutcome> {
  const outcome = await alone(deps.quarantine, async () => {
    const stuck = (await finishBegun(deps)).find(({ kind }) => kind === 'failed');
    if (stuck !== undefined) return refused(`an earlier repair is not finished: ${stuck.because}`);
    return undo(id, purpose, deps);
  });
  return outcome ?? refused('another repair of the package is being made right now');
}

async function undo(
  id: string,
  { why, signal }: RepairPurpose,
  deps: PackageRepairDeps,
): Promise<RepairOutcome> {
  const { files = realFiles, quarantine, packageWork, now } = deps;
  const read = await readRepair(quarantine, id);
  if (read.kind !== 'read') return refused(read.because);
  const { folder, record } = read;
  const stop = stateOf(record) ?? (await changedSince(record, deps));
  if (stop !== null) return refused(stop);
  const work = await packageWork();
  if (work !== null) return refused(`${work}: nothing was put back`);
  if (signal.aborted) return late;
  const undoing: RepairRecord = { ...record, state: 'undoing', undoneFor: why, undoneAt: now() };
  const noted = await writeRepair({ folder, record: undoing }, files);
  if (noted.kind === 'failed') return failed(noted.because);
  const { failure, whole } = await takeAllBack(record, files);
  if (!whole)
    return again({ folder, record }, failure?.because ?? 'somebody changed it at this very moment', deps);
  const undone: RepairRecord = { ...undoing, state: 'undone' };
  const written = await writeRepair({ folder, record: undone }, files);
  const unfinished =
    written.kind === 'failed'
      ? `the record of the repair ${id} could not be written, and is finished at the next start: ${written.because}`
      : null;
  return { kind: 'done', repair: { folder, record: undone }, unfinished };
}

function stateOf({ id, state, trees }: RepairRecord): string | null {
  switch (state) {
    case 'made':
      return null;
    case 'failed':
      return `the repair ${id} failed, and had replaced nothing`;
    case 'undone':
      return `the repair ${id} is already undone; what is kept of it is in ${keptIn({ trees })}`;
    case 'staging':
    case 'begun':
    case 'undoing':
      return `the repair ${id} is not finished`;
    default:
      return state satisfies never;
  }
}

/** By what stands where, and by what is in it. */
async function changedSince(record: RepairRecord, deps: PackageRepairDeps): Promise<string | null> {
  const kept = `what the repair ${record.id} replaced is kept in ${keptIn(record)}`;
  try {
    for (const each of placed(record)) {
      if ((await standingOf(each)) !== 'put') return `${each.live} was changed after the repair; ${kept}`;
    }
    const differs = await verifyPut(record, deps);
    return differs === null ? null : `the package was changed after the repair (${differs}); ${kept}`;
  } catch (error) {
    return `what stands in its place cannot be told: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Half of it is back: the repair is made anew, so that nothing is mixed. */
async function again(
  { folder, record }: Repair,
  because: string,
  deps: PackageRepairDeps,
): Promise<RepairOutcome> {
  const { files = realFiles } = deps;
  const failure = await putAll(record, files);
  if (failure === null) {
    // Where this fails the record says that it is on its way back, and the next start tries that again.
    await writeRepair({ folder, record }, files);
    return failed(`${because}: nothing was put back`);
  }
  return failed(
    `${because}; and what the repair had put there could not all be put in place again: ${failure.because} (what it replaced is kept in ${keptIn(record)}); the next start of the watchdog goes on putting it back`,
  );
}
