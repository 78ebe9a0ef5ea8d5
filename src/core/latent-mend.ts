import { act } from './act.ts';
import { packageBlocker } from './blocker-package.ts';
import { blockers } from './blockers.ts';
import { close, open } from './incident.ts';
import type { Failing } from './ladder.ts';
import type { Look } from './look.ts';
import type { Notice } from './notice.ts';
import { type Action, type ActionStep, isOpen, type Open, type State } from './state.ts';
import { millis, since } from './time.ts';

/** What becomes of a damaged package beside a gateway that serves. */
interface Mending {
  readonly state: State;
  readonly notices: readonly Notice[];
  readonly actions: readonly Action[];
}

/**
 * Puts what is missing of the package back while the gateway serves on: nothing is restarted for it, and its next start
 * finds a whole package. Files that are there and differ are somebody's patch as well as damage: they are told, and
 * mended when a start fails. Null when there is nothing to do.
 */
export function mendLatent(look: Look): Mending | null {
  const due = dueMend(look);
  if (due === null) return stillOpen(look);
  const { now, rules } = look;
  const opened = isOpen(look.state)
    ? { state: look.state, notices: [] }
    : openBeside(look.state, due.because, look);
  const acted = act(opened.state, due, now, rules);
  switch (acted.kind) {
    case 'go':
      return {
        state: acted.state,
        notices: [...opened.notices, ...acted.notices],
        actions: acted.actions,
      };
    case 'wait':
      // Only a refusal makes it wait, and that was one of this incident.
      return { state: look.state, notices: [], actions: [] };
    case 'spent':
      return isOpen(look.state) ? { ...givenUp(look.state, acted.because, look), actions: [] } : null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return acted satisfies never;
  }
}

/** An incident about a package that is still incomplete: it must not be called resolved because the gateway serves. */
function stillOpen(look: Look): Mending | null {
  const { state } = look;
  if (!isOpen(state) || state.incident.cause !== latent || !isIncomplete(look)) return null;
  const mend = packageBlocker(look)?.mend;
  if (mend?.kind === 'not-available') return { ...givenUp(state, mend.because, look), actions: [] };
  return { state, notices: [], actions: [] };
}

function isIncomplete({ evidence }: Look): boolean {
  const { dependencies } = evidence.ground;
  if (dependencies.kind === 'corrupted') return dependencies.lost;
  return dependencies.kind === 'missing' || dependencies.kind === 'half-installed';
}

/** An incident in which nothing was lost: it neither flaps nor rests on the gateway's own state. */
function openBeside(state: State, because: string, { now, rules: { policy } }: Look) {
  const named: State = { ...state, because };
  const { state: opened, notices } = open(named, now, { now, policy, cause: latent });
  return { state: { ...opened, because: state.because }, notices };
}

function givenUp(state: Open, why: string, { now }: Look): Pick<Mending, 'state' | 'notices'> {
  const because = `the package could not be mended while the gateway serves on (${why}); "immune fix-deps" tries it by hand`;
  return close({ ...state, phase: { kind: 'healthy' } }, { kind: 'closed', because }, now);
}

const latent = 'dependency-latent';

type Due = Failing & { readonly step: ActionStep };

function dueMend(look: Look): Due | null {
  const { state, evidence, now, rules } = look;
  if (rules.mode === 'observe' || state.pause !== null) return null;
  // Only a close look has asked the service manager, the update markers and the files. One that serves without being
  // the job's own process is somebody's experiment, or an orphan: its package is left alone.
  if (evidence.service.kind !== 'running' || isSomebodyElse(evidence)) return null;
  // One that runs leads the diagnosis only where nothing serves.
  if (evidence.update.kind === 'unknown' || evidence.update.kind === 'running') return null;
  if (!isIncomplete(look) || !isFree(state)) return null;
  // What no repair may touch (a full disk, a missing Node) comes before it.
  const [blocker] = blockers(look);
  if (blocker?.mend.kind !== 'reinstall') return null;
  const seen = state.packageSeen;
  if (seen !== null && since(seen.since, now) < rules.policy.latentMendMs) return null;
  const due = { opensAfterMs: millis(0), dueAfterMs: millis(0) };
  const step: ActionStep = { kind: 'reinstall', remedy: blocker.mend.remedy };
  return { stance: 'failing', cause: latent, because: blocker.because, step, ...due };
}

const isSomebodyElse = ({ listener }: Look['evidence']): boolean =>
  listener.kind === 'orphan' || listener.kind === 'foreign';

/** No other trouble is being dealt with, and this look of the package has not been given up on already. */
function isFree({ incident, lastIncident, packageSeen }: State): boolean {
  if (incident !== null) return incident.cause === latent;
  if (lastIncident?.cause !== latent || packageSeen === null) return true;
  return lastIncident.openedAt < packageSeen.since;
}
