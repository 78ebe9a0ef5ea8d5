import type { Instant } from '../core/time.ts';
import { checkConfigFile } from '../gateway/config-check.ts';
import { findConfigWriter } from '../gateway/config-writers.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import { type Kept, type KeptFile, type KeptRecord, writeKept } from '../vault/kept.ts';
import { type Exchange, exchange } from './config-exchange.ts';
import { type Finished, finishBegun } from './finish-swap.ts';
import { hashOfFile, realFiles, type SwapFiles } from './keep-file.ts';

export interface SwapDeps {
  readonly configPath: string;
  /** The home of the gateway's user: a config that is a link may lead anywhere in it. */
  readonly home: string;
  readonly uid: number;
  /** `<state>/plans` */
  readonly plans: string;
  readonly quarantine: string;
  readonly processes: ListProcesses;
  readonly now: () => Instant;
  /** Only tests bring their own: a full disk, or one that is another. */
  readonly files?: SwapFiles;
}

/** `failed` and `refused`: nothing was replaced. */
export type SwapOutcome =
  /** `unfinished`: a sentence where all is in place, and only that could not be written down; else null. */
  | { readonly kind: 'done'; readonly kept: Kept; readonly unfinished: string | null }
  | { readonly kind: 'failed' | 'refused'; readonly because: string };

export type Stop = Extract<SwapOutcome, { readonly kind: 'failed' | 'refused' }>;

/** One change at a time in this process; between processes the lease sees to it. */
const busy = new Set<string>();

/** Runs one change alone, after whatever an earlier one left half done is finished. */
export async function alone(deps: SwapDeps, change: () => Promise<SwapOutcome>): Promise<SwapOutcome> {
  if (busy.has(deps.quarantine)) return refused('another change of the config is being made right now');
  busy.add(deps.quarantine);
  try {
    const stuck = (await finishBegun(deps)).find(({ kind }) => kind === 'failed');
    return stuck === undefined
      ? await change()
      : refused(`an earlier change is not finished: ${stuck.because}`);
  } finally {
    busy.delete(deps.quarantine);
  }
}

/** The same at the start of the watchdog, when nothing else is being changed. */
export async function finishAlone(
  deps: Pick<SwapDeps, 'quarantine' | 'files'>,
): Promise<readonly Finished[]> {
  if (busy.has(deps.quarantine)) return [];
  busy.add(deps.quarantine);
  try {
    return await finishBegun(deps);
  } finally {
    busy.delete(deps.quarantine);
  }
}

/** Makes a change of which all is known, unless the world changes before its first rename. */
export async function make(
  what: Exchange,
  expects: { readonly replaces: string | null; readonly signal: AbortSignal },
  deps: SwapDeps,
): Promise<SwapOutcome> {
  const { quarantine, files = realFiles } = deps;
  let late = false;
  const stop = async (planned: readonly KeptFile[]): Promise<string | null> => {
    for (const file of planned) {
      if (file.how !== 'copied' || (await hashOfFile(file.path)) === file.sha256) continue;
      return `${file.path} was changed at this very moment`;
    }
    late = expects.signal.aborted;
    if (late) return 'its deadline passed before anything was replaced';
    // The last thing before the first rename, and without a pause in between.
    return unfit(deps, { expected: expects.replaces });
  };
  const outcome = await exchange(what, { quarantine, files, stop });
  if (outcome.kind === 'failed') return { kind: 'failed', because: outcome.because };
  if (outcome.kind === 'refused') return { kind: late ? 'failed' : 'refused', because: outcome.because };
  return settle(outcome.kept, deps);
}

/** Writes down what was left. Where that fails the files are in place all the same, and the next start writes it. */
async function settle({ folder, record }: Kept, { files, configPath }: SwapDeps): Promise<SwapOutcome> {
  const made: KeptRecord = { ...record, left: hashOfConfig(configPath), state: 'made' };
  const written = await writeKept({ folder, record: made }, files);
  const unfinished =
    written.kind === 'failed'
      ? `the record of the change ${record.id} could not be written, and is finished at the next start: ${written.because}`
      : null;
  return { kind: 'done', kept: { folder, record: made }, unfinished };
}

/** Null where nothing can be read, and where reading it failed for reasons of the machine. */
export function hashOfConfig(configPath: string): string | null {
  const { verdict } = checkConfigFile(configPath, {}, null);
  return verdict.kind === 'unknown' ? null : verdict.hash;
}

/** Why the live config is not the one that was judged. Synchronous to the end: what it finds holds when it returns. */
export function unfit(
  { configPath }: SwapDeps,
  { expected }: { readonly expected: string | null },
): string | null {
  const { verdict } = checkConfigFile(configPath, {}, null);
  if (verdict.kind === 'unknown') return verdict.because;
  return verdict.hash === expected
    ? null
    : `${configPath} is not the one that was judged any more: it was changed`;
}

export async function writerOf({ processes }: SwapDeps): Promise<string | null> {
  const writer = await findConfigWriter(processes);
  return writer === null ? null : `${writer}: nothing was replaced`;
}

export const refused = (because: string): Stop => ({ kind: 'refused', because });
