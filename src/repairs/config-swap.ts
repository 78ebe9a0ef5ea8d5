import { type ConfigPlan, readPlan } from '../vault/plans.ts';
import type { Exchange } from './config-exchange.ts';
import { findPlace, type Place } from './config-place.ts';
import type { Finished } from './finish-swap.ts';
import {
  alone,
  finishAlone,
  make,
  refused,
  type SwapDeps,
  type SwapOutcome,
  unfit,
  writerOf,
} from './swap-ground.ts';
import { type Purpose, undo } from './undo-swap.ts';

export type { SwapDeps, SwapOutcome } from './swap-ground.ts';

export interface SwapRequest {
  /** Of the action or the trial: what is replaced is kept under it. */
  readonly id: string;
  readonly incident: string | null;
  readonly planId: string;
  /** Hash of the config that was judged (see `checkConfigFile`); null where nothing could be read. */
  readonly replaces: string | null;
  readonly signal: AbortSignal;
}

/** Puts exactly the bytes of a plan in place, and keeps what they replace. Starts nothing. */
export function swapConfig(request: SwapRequest, deps: SwapDeps): Promise<SwapOutcome> {
  return alone(deps, () => swap(request, deps));
}

/**
 * Puts back what a change replaced, byte for byte and mode for mode. What it replaces in turn is kept under
 * `<id>.undo`, so that the undo can be undone. `kept` of the outcome is the record of the undo. What it is for stays
 * in both records: a file that a person wanted back is not rolled back again.
 */
export function undoSwap(
  id: string,
  deps: SwapDeps,
  { why = 'unhelpful', signal = new AbortController().signal }: Partial<Purpose> = {},
): Promise<SwapOutcome> {
  return alone(deps, () => undo(id, deps, { why, signal }));
}

/** At the start of the watchdog: completes, drops or takes back what died in the middle. */
export function finishSwap(deps: Pick<SwapDeps, 'quarantine' | 'files'>): Promise<readonly Finished[]> {
  return finishAlone(deps);
}

async function swap(request: SwapRequest, deps: SwapDeps): Promise<SwapOutcome> {
  const read = await readPlan(deps.plans, request.planId);
  if (read.kind !== 'read') return refused(read.because);
  const { plan, contents } = read;
  if (plan.configPath !== deps.configPath) return refused(`the plan ${plan.id} is for ${plan.configPath}`);
  if (plan.replaces !== request.replaces) {
    return refused(`the plan ${plan.id} was made for another state of the config`);
  }
  const early = (await unfit(deps, { expected: request.replaces })) ?? (await writerOf(deps));
  if (early !== null) return refused(early);
  const items: Exchange['items'][number][] = [];
  for (const file of plan.files) {
    const found = await findPlace(file.path, deps);
    if (found.kind === 'refused') return found;
    const bytes = contents.get(file.path);
    if (bytes === undefined) return refused(`the plan ${plan.id} does not hold ${file.path}`);
    items.push({ place: found.place, put: { kind: 'bytes', bytes, mode: modeFor(file.mode, found.place) } });
  }
  const paths = new Set(items.map(({ place }) => place.path));
  if (paths.size !== items.length) return refused(`two files of the plan ${plan.id} are one by a link`);
  return make({ about: aboutOf(request, { plan, deps }), items }, request, deps);
}

function aboutOf(
  { id, incident, planId, replaces }: SwapRequest,
  { plan, deps }: { readonly plan: ConfigPlan; readonly deps: SwapDeps },
): Exchange['about'] {
  return {
    id,
    incident,
    at: deps.now(),
    planId,
    planKind: plan.kind,
    snapshot: plan.snapshot,
    configPath: deps.configPath,
    replaced: replaces,
    changes: plan.changes,
    undoes: null,
  };
}

/** A mode that keeps the gateway itself out is what is being repaired; a folder's means nothing to a file. */
function modeFor(planned: number | null, { facts }: Place): number {
  const mode = planned ?? (facts?.isFile() === true ? facts.mode & 0o777 : 0o600);
  return (mode & 0o400) === 0 ? 0o600 : mode;
}
