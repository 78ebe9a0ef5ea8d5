import type { Blocker } from './blockers.ts';
import type { Diagnosis, Finding, Look } from './look.ts';
import { type Millis, millis } from './time.ts';

interface Combined {
  readonly lead: Diagnosis;
  readonly also: readonly Finding[];
}

/**
 * Puts together what the gateway does and what its start stands on. A blocker leads where the gateway is down because
 * of it, or where an action would end it for good: whatever is broken below must be mended before any start.
 */
export function combine(base: Diagnosis, found: readonly Blocker[], look: Look): Combined {
  if (base.stance === 'ready') return { lead: base, also: found.flatMap(latentOf) };
  // A suspicion may be older than the hand that mended a parked gateway: one start of it tells.
  const blocked = found.filter(({ confidence }) => base.cause !== 'parked' || confidence === 'certain');
  const [first, ...others] = blocked.filter(isMendable);
  const slow = blocked.find(({ mend }) => mend.kind === 'itself');
  if (slow !== undefined && first === undefined && base.cause === 'boot-stalled') {
    // Ending it now would interrupt OpenClaw's own repair of the plugin.
    const lead: Diagnosis = {
      stance: 'untouchable',
      cause: slow.cause,
      because: `${base.because}; ${slow.because}`,
      dueAfterMs: millis(0),
    };
    return { lead, also: [findingOf(slow)] };
  }
  const also = blocked.map(findingOf);
  if (first === undefined || !isDownBecause(base, look)) {
    // What a person is told of must name everything that will keep it from starting.
    return { lead: base.stance === 'untouchable' ? besides(base, blocked) : sooner(base, look), also };
  }
  return { lead: besides(blockedBy(first, base, look), others), also };
}

const besides = <D extends Diagnosis>(lead: D, others: readonly Blocker[]): D => ({
  ...lead,
  because: [lead.because, ...others.map(inFull)].join('; and besides: '),
});

/** With what a person can type, where there is nothing else to mend it with. */
const inFull = ({ because, mend }: Blocker): string =>
  mend.kind === 'not-available' ? `${because}; ${mend.because}` : because;

type NotReady = Exclude<Diagnosis, { readonly stance: 'ready' }>;

/** Not on its way to mend itself. */
type Mendable = Blocker & { readonly mend: Exclude<Blocker['mend'], { readonly kind: 'itself' }> };
const isMendable = (blocker: Blocker): blocker is Mendable => blocker.mend.kind !== 'itself';

function latentOf({ latent, confidence }: Blocker): readonly Finding[] {
  return latent === null ? [] : [{ ...latent, confidence }];
}

const findingOf = ({ cause, confidence, because }: Blocker): Finding => ({ cause, confidence, because });

/** Whether a blocker is the reason, or stands in the way of every way out. */
function isDownBecause(base: NotReady, { evidence, state }: Look): boolean {
  switch (base.stance) {
    case 'failing':
      // The quick look has asked neither the service manager nor the files.
      return evidence.service.kind !== 'unread';
    case 'untouchable':
      return (
        base.cause === 'crash-loop' || base.cause === 'parked-cause-present' || base.cause === 'parked-again'
      );
    case 'wait': {
      if (base.cause === 'crashed') return evidence.service.kind === 'scheduled';
      // The first boot may still hold what was on the disk when it began; after one that failed, so will this one. A
      // missing package may let it serve for a moment each time: then it is the losses that count.
      const failedBefore = state.bootsSinceReady >= 2 || state.losses.length >= 2;
      return base.cause === 'booting' && failedBefore;
    }
    case 'hands-off':
    case 'unknown':
      return false;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return base satisfies never;
  }
}

function blockedBy(blocker: Mendable, base: Diagnosis, { evidence, rules }: Look): Diagnosis {
  const { cause } = blocker;
  const lives = base.stance === 'failing' && evidence.service.kind === 'running';
  const because = lives
    ? `${base.because}, and a restart would not bring it back: ${blocker.because}`
    : blocker.because;
  const { mend } = blocker;
  const due = dueOf(base);
  switch (mend.kind) {
    case 'person':
      return { stance: 'untouchable', cause, because, dueAfterMs: longer(due, rules.policy.pendedGraceMs) };
    case 'not-available':
      return {
        stance: 'untouchable',
        cause,
        because: `${because}; ${mend.because}`,
        dueAfterMs: longer(due, rules.policy.pendedGraceMs),
      };
    case 'pending':
      // Nothing is started with it meanwhile, and nobody is woken: the answer comes within minutes.
      return { stance: 'wait', cause, because: `${because}; ${mend.because}`, opens: true };
    case 'reinstall':
    case 'rollback':
      return {
        stance: 'failing',
        cause,
        because,
        step:
          mend.kind === 'rollback'
            ? { kind: 'rollback', remedy: mend.remedy, replaces: mend.replaces }
            : { kind: 'reinstall', remedy: mend.remedy },
        // What is proven of its files says nothing yet of a process that lives.
        proven: blocker.confidence === 'certain' && !lives,
        ...(base.stance === 'failing' && base.since !== undefined ? { since: base.since } : {}),
        opensAfterMs: lives ? base.opensAfterMs : millis(0),
        dueAfterMs: blocker.settled ? due : never,
      };
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return mend satisfies never;
  }
}

const never = millis(Number.MAX_SAFE_INTEGER);
const longer = (a: Millis, b: Millis): Millis => (a > b ? a : b);

/** A process that lives is given the time its own cause grants it; so is a job that somebody may be working on. */
function dueOf(base: Diagnosis): Millis {
  if (base.stance !== 'failing' || base.cause === 'relaunch-late' || base.cause === 'pended')
    return millis(0);
  return base.dueAfterMs;
}

/** After a repair the start that follows belongs to it: there is nothing to wait for. */
function sooner(base: Diagnosis, { state, evidence }: Look): Diagnosis {
  if (base.stance !== 'failing' || state.round === null || evidence.service.kind === 'running') return base;
  // An orphan on the port is no start that waits.
  if (base.step?.kind === 'end-orphan') return base;
  // A package that is whole again can judge the config again: a start that its verdict would forbid is not wasted.
  const { config } = evidence.ground;
  if (config.kind === 'sound' && config.validator === 'pending') return base;
  const because = 'what kept it from starting is repaired: this is the one start that belongs to the repair';
  return { ...base, because, opensAfterMs: millis(0), dueAfterMs: millis(0), proven: true };
}
