import { basename, join } from 'node:path';
import { checkConfigFile } from '../gateway/config-check.ts';
import { type Kept, type KeptFile, listKept, writeKept } from '../vault/kept.ts';
import { dropExchange, putAll, removeStaged, takeAllBack } from './config-exchange.ts';
import { isPut, isReady, isTouched, isUntouched } from './exchange-file.ts';
import { isThere, realFiles, type SwapFiles } from './keep-file.ts';

export interface Finished {
  readonly id: string;
  /**
   * `dropped`: it had replaced nothing. `taken-back`: somebody has changed a file since, so it was not completed.
   * `kept`: so did somebody, and what stands there is nothing of ours; what it had kept stays. `failed`: tried again.
   */
  readonly kind: 'completed' | 'dropped' | 'taken-back' | 'kept' | 'failed';
  readonly because: string;
}

/** Completes or takes back every change that was begun and not finished. Finding none costs one listing. */
export async function finishBegun({
  quarantine,
  files = realFiles,
}: {
  readonly quarantine: string;
  readonly files?: SwapFiles;
}): Promise<readonly Finished[]> {
  const finished: Finished[] = [];
  // Oldest first: a later change stands on what an earlier one left.
  for (const kept of (await listKept(quarantine)).toReversed()) {
    if (kept.record.state !== 'begun') continue;
    finished.push(await finish(kept, files));
  }
  // Read anew: one of those just completed may have taken another one back.
  const all = await listKept(quarantine);
  for (const { record } of all) {
    if (record.undoes === null || record.state !== 'made') continue;
    await markUndone(join(quarantine, record.undoes), all, files);
  }
  return finished;
}

/** Writes into the record of a change that it was taken back. */
export async function markUndone(folder: string, all: readonly Kept[], files?: SwapFiles): Promise<void> {
  const of = all.find((kept) => kept.folder === folder);
  if (of === undefined || of.record.state !== 'made') return;
  const by = all.find(({ record }) => record.undoes === basename(folder) && record.state === 'made');
  const undoneFor = by?.record.undoesFor ?? 'unhelpful';
  // Where this fails it is written at the next start: the record of what took it back is durable.
  await writeKept({ folder, record: { ...of.record, state: 'undone', undoneFor } }, files);
}

async function finish({ folder, record }: Kept, files: SwapFiles): Promise<Finished> {
  const { id, files: planned } = record;
  const told = (kind: Finished['kind'], because: string): Finished => ({ id, kind, because });
  try {
    if (await every(planned, isUntouched)) {
      await dropExchange({ folder, planned, files, proven: false });
      return told('dropped', `the change ${id} was interrupted before it replaced anything, and was dropped`);
    }
    if (!(await some(planned, isTouched))) return await keep({ folder, record }, files);
    const open: KeptFile[] = [];
    for (const file of planned) if (!(await isPut(file))) open.push(file);
    if (await every(open, isReady)) {
      const failure = await putAll(open, files);
      if (failure !== null) return told('failed', failure.because);
      const { verdict } = checkConfigFile(record.configPath, {}, null);
      const left = verdict.kind === 'unknown' ? null : verdict.hash;
      return await settled(
        { folder, record: { ...record, left, state: 'made' } },
        {
          files,
          told: told('completed', `the change ${id} was interrupted in the middle, and was completed`),
        },
      );
    }
    const { failure, whole } = await takeAllBack(planned, files);
    if (failure !== null) return told('failed', failure.because);
    return await settled(
      { folder, record: { ...record, ...interrupted } },
      {
        files,
        told: told(
          'taken-back',
          `the change ${id} was interrupted, the config was changed since, and it was taken back${whole ? '' : `; but not all of it, for what somebody has changed is left alone: what was there before is kept in ${folder}`}`,
        ),
      },
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return told('failed', `the change ${id} in ${basename(folder)} could not be finished: ${why}`);
  }
}

const interrupted = { state: 'undone', undoneFor: 'interrupted' } as const;

/**
 * Somebody has changed the config since, and whether we had replaced it before cannot be told for certain. What stands
 * there is theirs; what was kept may be the only place of what stood there before, and is never removed.
 */
async function keep({ folder, record }: Kept, files: SwapFiles): Promise<Finished> {
  const { id } = record;
  const changed: string[] = [];
  for (const file of record.files) if (!(await isUntouched(file))) changed.push(file.path);
  // What still waits beside its place was never put there.
  const waits = await some(record.files, async ({ staged }) => staged !== null && (await isThere(staged)));
  const because = `the change ${id} was interrupted, and ${changed.join(' and ')} was changed since: that is left as it is, and what was there before the change is kept in ${folder}`;
  return settled(
    { folder, record: { ...record, ...(waits ? interrupted : { state: 'made' }) } },
    { files, told: { id, kind: 'kept', because } },
  );
}

async function settled(
  kept: Kept,
  { files, told }: { readonly files: SwapFiles; readonly told: Finished },
): Promise<Finished> {
  await removeStaged(kept.record.files, files);
  const written = await writeKept(kept, files);
  return written.kind === 'failed' ? { ...told, kind: 'failed', because: written.because } : told;
}

async function some(
  list: readonly KeptFile[],
  holds: (file: KeptFile) => Promise<boolean>,
): Promise<boolean> {
  for (const file of list) if (await holds(file)) return true;
  return false;
}

async function every(
  list: readonly KeptFile[],
  holds: (file: KeptFile) => Promise<boolean>,
): Promise<boolean> {
  return !(await some(list, async (file) => !(await holds(file))));
}
