import { basename, join } from 'node:path';
import { checkConfigFile } from '../gateway/config-check.ts';
import { type Kept, type KeptFile, listKept, writeKept } from '../vault/kept.ts';
import { dropExchange, putAll, removeStaged, takeAllBack } from './config-exchange.ts';
import { isPut, isReady, isTouched } from './exchange-file.ts';
import { realFiles, type SwapFiles } from './keep-file.ts';

export interface Finished {
  readonly id: string;
  /** `dropped`: it had replaced nothing. `taken-back`: somebody has changed a file since, so it was not completed. */
  readonly kind: 'completed' | 'dropped' | 'taken-back' | 'failed';
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
  // Where this fails it is written at the next start: the record of what took it back is durable.
  await writeKept({ folder, record: { ...of.record, state: 'undone' } }, files);
}

async function finish({ folder, record }: Kept, files: SwapFiles): Promise<Finished> {
  const { id, files: planned } = record;
  const told = (kind: Finished['kind'], because: string): Finished => ({ id, kind, because });
  try {
    if (!(await some(planned, isTouched))) {
      await dropExchange({ folder, planned, files });
      return told('dropped', `the change ${id} was interrupted before it replaced anything, and was dropped`);
    }
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
    const { failure } = await takeAllBack(planned, files);
    if (failure !== null) return told('failed', failure.because);
    return await settled(
      { folder, record: { ...record, state: 'undone' } },
      {
        files,
        told: told(
          'taken-back',
          `the change ${id} was interrupted, the config was changed since, and it was taken back`,
        ),
      },
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return told('failed', `the change ${id} in ${basename(folder)} could not be finished: ${why}`);
  }
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
