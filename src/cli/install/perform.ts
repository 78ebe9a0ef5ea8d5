import type { Run } from '../../system/run.ts';
import { performFileStep } from './files.ts';
import { performServiceStep, type ServiceDoor } from './load.ts';
import { performHookStep } from './safe-start-step.ts';
import { failed, type Step, type StepOutcome, type Undo } from './steps.ts';

export type PlanOutcome =
  | { readonly kind: 'done' }
  /** `left` names what could not be put back; empty when everything is exactly as it was before. */
  | {
      readonly kind: 'failed';
      readonly step: Step;
      readonly because: string;
      readonly left: readonly string[];
    };

export interface Performer {
  readonly run: Run;
  readonly service: ServiceDoor;
  /** Told before each step. */
  readonly about: (step: Step) => void;
  /** Aborted by Ctrl-C: nothing more is begun, and what was done is taken back. */
  readonly signal?: AbortSignal;
}

/** Performs a plan step by step; the first failure takes back, last first, everything done before it. */
export async function performPlan(steps: readonly Step[], performer: Performer): Promise<PlanOutcome> {
  const undos: Undo[] = [];
  const commits: (() => Promise<void>)[] = [];
  for (const step of steps) {
    performer.about(step);
    const stopped = performer.signal?.aborted === true;
    const outcome = stopped ? failed('It was interrupted.') : await performStep(step, performer);
    if (outcome.kind === 'failed') {
      return { kind: 'failed', step, because: outcome.because, left: await rollBack(undos) };
    }
    if (outcome.undo !== null) undos.push(outcome.undo);
    if (outcome.commit !== null) commits.push(outcome.commit);
  }
  for (const commit of commits) await commit();
  return { kind: 'done' };
}

/**
 * For removing: a step that fails is told and the others go on. Only a job that would not go ends it there, for
 * without its program launchd would start it in vain for ever.
 */
export async function performAll(steps: readonly Step[], performer: Performer): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const step of steps) {
    performer.about(step);
    const outcome = await performStep(step, performer);
    if (outcome.kind === 'failed') problems.push(outcome.because);
    if (outcome.kind === 'failed' && step.kind === 'unload') break;
  }
  return problems;
}

function performStep(step: Step, performer: Performer): Promise<StepOutcome> {
  switch (step.kind) {
    case 'directory':
    case 'copy':
    case 'write':
    case 'link':
    case 'remove':
      return performFileStep(step, performer.run);
    case 'unload':
    case 'load':
    case 'confirm':
    case 'enable':
      return performServiceStep(step, performer.service);
    case 'hook':
    case 'unhook':
      return performHookStep(step, performer);
    default:
      return step satisfies never;
  }
}

async function rollBack(undos: readonly Undo[]): Promise<readonly string[]> {
  const left: string[] = [];
  for (const undo of undos.toReversed()) {
    const problem = await undo();
    if (problem !== null) left.push(problem);
  }
  return left;
}
