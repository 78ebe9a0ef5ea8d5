import type { ActionOutcome } from '../core/state.ts';
import { type Millis, plus } from '../core/time.ts';
import { checkConfigFile } from '../gateway/config-check.ts';
import { type SwapDeps, swapConfig, undoSwap } from '../repairs/config-swap.ts';
import { isThere } from '../repairs/keep-file.ts';
import { type Hands, perform } from '../repairs/perform.ts';
import type { Run } from '../system/run.ts';
import { type KeptFile, readKept } from '../vault/kept.ts';
import { readPlan } from '../vault/plans.ts';
import type { TrialHands } from './trial-parts.ts';
import type { KeptState } from './trial-standing.ts';

export interface TrialHandParts {
  readonly swap: () => SwapDeps;
  /** Records the config as it is now; a sentence where that failed. */
  readonly record: () => Promise<string | null>;
  readonly tmutil: string | null;
  readonly run: Run;
  /** Of the gateway's job. */
  readonly label: string;
  readonly hands: (signal: AbortSignal) => Hands;
  readonly restartWithinMs: () => Millis;
}

/** Time Machine's local snapshots take a second or two; a change does not wait for one that hangs. */
const tmutilMs = 20_000;

/** The real hands of a trial. */
export function createTrialHands(parts: TrialHandParts): TrialHands {
  const never = new AbortController().signal;
  return {
    plan: async (id) => {
      const read = await readPlan(parts.swap().plans, id);
      return read.kind === 'read' ? read.plan : read.because;
    },
    live: () => {
      const { verdict } = checkConfigFile(parts.swap().configPath, {}, null);
      return verdict.kind === 'unknown' ? { kind: 'unknown' } : { kind: 'known', hash: verdict.hash };
    },
    record: async () => {
      const [recorded, local] = await Promise.all([
        parts.record(),
        parts.tmutil === null ? null : localSnapshot(parts.tmutil, parts.run),
      ]);
      const failed = recorded === null ? [] : [`no snapshot of the config was made before: ${recorded}`];
      return local === null ? failed : [...failed, local];
    },
    swap: async (planId, { id, replaces }) => {
      const outcome = await swapConfig({ id, incident: null, planId, replaces, signal: never }, parts.swap());
      return outcome.kind === 'done' ? { kind: 'done', left: outcome.kept.record.left } : outcome;
    },
    undo: async (id, why) => {
      const outcome = await undoSwap(id, parts.swap(), { why });
      if (outcome.kind !== 'done') return outcome;
      return {
        kind: 'done',
        because: [
          `the change ${id} was taken back; what it had put in place is kept in ${outcome.kept.folder}`,
          ...(outcome.unfinished === null ? [] : [outcome.unfinished]),
        ].join('; '),
      };
    },
    kept: (id) => keptState(parts.swap().quarantine, id),
    restart: (pid) => restart(pid, parts),
  };
}

async function keptState(quarantine: string, id: string): Promise<KeptState> {
  try {
    const read = await readKept(quarantine, id);
    if (read.kind !== 'read') {
      return { kind: read.kind === 'missing' ? 'missing' : 'unreadable', because: read.because };
    }
    const { state, left, files } = read.record;
    const undo = await readKept(quarantine, `${id}.undo`);
    const half = state === 'made' && undo.kind === 'read' && undo.record.state === 'begun';
    return { kind: 'read', state: half ? 'begun' : state, left, lost: await lossOf(id, files) };
  } catch (error) {
    return { kind: 'unreadable', because: error instanceof Error ? error.message : String(error) };
  }
}

/** Why nothing of it can ever be put back; null where that is not certain. */
async function lossOf(id: string, files: readonly KeptFile[]): Promise<string | null> {
  if (files.every(({ kept }) => kept === null)) return `there was no file before the change ${id}`;
  for (const { kept } of files) {
    if (kept !== null && !(await isThere(kept))) return `${kept} is gone`;
  }
  return null;
}

async function localSnapshot(tmutil: string, run: Run): Promise<string> {
  const result = await run({ file: tmutil, args: ['localsnapshot'], timeoutMs: tmutilMs });
  if (result.kind === 'exited' && result.code === 0) return 'a local snapshot of this disk was made';
  // A Mac without Time Machine, or with APFS snapshots forbidden: ours is the one that counts.
  return 'no local snapshot of this disk could be made (tmutil)';
}

/** A person's restart is no repair: it is not charged to the budget, and is made by the same careful hands. */
async function restart(pid: number | null, parts: TrialHandParts): Promise<ActionOutcome> {
  const deadline = new AbortController();
  const settled = new AbortController();
  const { label } = parts;
  const hands = parts.hands(deadline.signal);
  const { clock, processes } = hands;
  const withinMs = parts.restartWithinMs();
  const found = pid === null ? null : await processes.read(pid);
  if (found?.kind === 'unknown') return { kind: 'failed', because: found.because };
  const step =
    found?.kind === 'alive'
      ? ({ kind: 'restart', label, expected: { pid: found.pid, startedAt: found.startedAt } } as const)
      : ({ kind: 'start', label } as const);
  void clock.sleep(withinMs, settled.signal).then(() => deadline.abort());
  try {
    const about = { id: 'restart', incident: '', rung: 'L1', because: 'the operator asked for it' } as const;
    return await perform({ ...about, step, deadlineAt: plus(clock.now(), withinMs) }, hands);
  } finally {
    settled.abort();
  }
}
