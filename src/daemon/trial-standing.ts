import type { LiveHash, Trial, TrialEnd } from '../core/trial.ts';

/** What the kept record of a change says. */
export type KeptState =
  | {
      readonly kind: 'read';
      /** `begun`: putting it in place, or taking it back, was interrupted and could not be finished yet. */
      readonly state: 'begun' | 'made' | 'undone';
      readonly left: string | null;
      /** Why it can never be put back; null where it can. */
      readonly lost: string | null;
    }
  | { readonly kind: 'missing'; readonly because: string }
  /** At this moment: nothing follows from it. */
  | { readonly kind: 'unreadable'; readonly because: string };

type Ended = Pick<TrialEnd, 'because'> & { readonly kind: TrialEnd['kind'] };

/** What became of a trial whose watchdog ended: over, in place, or not to be told at this moment. */
export type Standing =
  | Ended
  /** `doubt`: what the operator should know of it. */
  | { readonly kind: 'in-place'; readonly left: string; readonly doubt: string | null }
  | { readonly kind: 'untold'; readonly because: string };

const earlierConfigs = '"immune snapshots" lists the configs from before';

/** For a trial that another life of the watchdog left open. Only what is certain ends it. */
export function standingOf(
  trial: Trial,
  { kept, live }: { readonly kept: KeptState; readonly live: LiveHash },
): Standing {
  if (kept.kind === 'read' && kept.state === 'undone')
    return { kind: 'reverted', because: 'the watchdog ended while it was taken back, which is done' };
  const doubt = doubtOf(kept);
  if (trial.left !== null) return { kind: 'in-place', left: trial.left, doubt };
  if (kept.kind === 'read' && kept.state === 'made' && kept.left !== null)
    return { kind: 'in-place', left: kept.left, doubt };
  const ended = 'the watchdog ended as it was put in place';
  const untold = {
    kind: 'untold',
    because: `${ended}, and the config cannot be read at this moment`,
  } as const;
  if (live.kind === 'unknown') return untold;
  if (live.hash === trial.replaced)
    return {
      kind: 'failed',
      because: 'the watchdog ended before it was in place, and nothing was changed',
    };
  // An empty place is neither the old config nor the new one, and may be filled in a moment.
  if (live.hash === null) return untold;
  if (kept.kind === 'missing')
    return {
      kind: 'failed',
      because: `${ended}, the config is another one than before, and ${kept.because}: it cannot be taken back; ${earlierConfigs}`,
    };
  return { kind: 'in-place', left: live.hash, doubt };
}

function doubtOf(kept: KeptState): string | null {
  if (kept.kind !== 'read')
    return `what it replaced cannot be told (${kept.because}), so it may not come back by itself`;
  return kept.state === 'begun' ? 'putting it in place was interrupted and could not be finished' : null;
}

/** After a try to take it back that did not succeed: whether that was the last one. Null: it is tried again. */
export function overAfterTry(
  trial: Trial,
  { because, kept, live }: { readonly because: string; readonly kept: KeptState; readonly live: LiveHash },
): Ended | null {
  if (kept.kind === 'read' && kept.state === 'undone') return { kind: 'reverted', because };
  // Half of the files may be the old ones: the next try finishes that before anything else.
  if (kept.kind === 'read' && kept.state === 'begun') return null;
  if (live.kind === 'known' && live.hash === trial.replaced) return { kind: 'reverted', because };
  if (isAnothers(trial, live) && leftNow(kept, live) === null)
    return { kind: 'superseded', because: 'the config was changed again since' };
  const lost = kept.kind === 'missing' ? kept.because : kept.kind === 'read' ? kept.lost : null;
  if (lost === null) return null;
  return { kind: 'failed', because: `${because}; it cannot be taken back: ${lost}; ${earlierConfigs}` };
}

const isAnothers = (trial: Trial, live: LiveHash): boolean =>
  trial.left !== null && live.kind === 'known' && live.hash !== trial.left;

/** An interrupted swap may be completed long after it was begun: what it left then is still ours. */
export function leftNow(kept: KeptState, live: LiveHash): string | null {
  const ours = kept.kind === 'read' && kept.state === 'made' && live.kind === 'known';
  return ours && kept.left === live.hash ? kept.left : null;
}
