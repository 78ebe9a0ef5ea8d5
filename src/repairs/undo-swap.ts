import { join } from 'node:path';
import type { UndoPurpose } from '../core/trial.ts';
import { readIfExists } from '../system/durable-file.ts';
import { type KeptFile, listKept, readKept } from '../vault/kept.ts';
import type { Exchange, Put } from './config-exchange.ts';
import { findPlace } from './config-place.ts';
import { markUndone } from './finish-swap.ts';
import { isThere, maxConfigBytes, sha256 } from './keep-file.ts';
import { make, refused, type Stop, type SwapDeps, type SwapOutcome, unfit, writerOf } from './swap-ground.ts';

/** What a change is taken back for, and until when that is wanted. */
export interface Purpose {
  readonly why: UndoPurpose;
  readonly signal: AbortSignal;
}

/** See `undoSwap`. */
export async function undo(id: string, deps: SwapDeps, { why, signal }: Purpose): Promise<SwapOutcome> {
  const read = await readKept(deps.quarantine, id);
  if (read.kind !== 'read') return refused(read.because);
  const { record, folder } = read;
  if (record.configPath !== deps.configPath)
    return refused(`the change ${id} was made to ${record.configPath}`);
  if (record.state === 'undone')
    return refused(`the change ${id} is already undone; what is kept of it is in ${folder}`);
  if (record.files.every(({ kept }) => kept === null)) {
    return {
      kind: 'failed',
      because: `there was no file before the change ${id}, so there is none to put back: the restored config stays`,
    };
  }
  const changed = unfit(deps, { expected: record.left });
  if (changed !== null) {
    return refused(`the config was changed after the change ${id}; what that replaced is kept in ${folder}`);
  }
  const writer = await writerOf(deps);
  if (writer !== null) return refused(writer);
  const items: Exchange['items'][number][] = [];
  for (const file of record.files) {
    const item = await itemOf(file, deps);
    if ('kind' in item) return item;
    items.push(item);
  }
  const about: Exchange['about'] = {
    ...record,
    id: `${record.id}.undo`,
    at: deps.now(),
    planId: null,
    planKind: null,
    replaced: record.left,
    undoes: folder.slice(join(deps.quarantine, '/').length),
    undoesFor: why,
  };
  const outcome = await make({ about, items }, { replaces: record.left, signal }, deps);
  if (outcome.kind === 'done') await markUndone(folder, await listKept(deps.quarantine), deps.files);
  return outcome;
}

async function itemOf(file: KeptFile, deps: SwapDeps): Promise<Exchange['items'][number] | Stop> {
  const found = await findPlace(file.named, deps);
  if (found.kind === 'refused') return found;
  if (found.place.path !== file.path) {
    return refused(`${file.named} leads to ${found.place.path} now, and not to ${file.path} as it did`);
  }
  const put = await putOf(file);
  return typeof put === 'string' ? refused(put) : { place: found.place, put };
}

/** A sentence where what was kept is not there any more, or not what it was. */
async function putOf({ kept, how, mode, sha256: old }: KeptFile): Promise<Put | string> {
  if (kept === null) return { kind: 'nothing' };
  if (how !== 'copied') {
    return (await isThere(kept)) ? { kind: 'kept', from: kept } : `${kept} is gone`;
  }
  const read = await readIfExists(kept, maxConfigBytes);
  if (read.kind !== 'read') return read.kind === 'missing' ? `${kept} is gone` : read.because;
  if (sha256(read.bytes) !== old) return `${kept} is not what was kept there: it was changed`;
  return { kind: 'bytes', bytes: read.bytes, mode: mode ?? 0o600 };
}
