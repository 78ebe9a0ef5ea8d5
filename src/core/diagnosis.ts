import { blockers } from './blockers.ts';
import { combine } from './combine.ts';
import { diagnoseAbsent } from './diagnosis-absent.ts';
import { diagnosePort } from './diagnosis-port.ts';
import { diagnoseRunning } from './diagnosis-running.ts';
import { lostSight } from './diagnosis-surface.ts';
import { readiness } from './health.ts';
import { besides } from './latent.ts';
import type { Assessment, Diagnosis, Look } from './look.ts';

type Row = (look: Look) => Diagnosis | null;

/**
 * The ordered rows of what the gateway and its job do: the first that claims the look wins. Ready comes first (a
 * gateway that serves is never touched, whatever the service manager says), then what forbids every action, then what
 * is wrong. What its start stands on (`blockers`) is combined with it afterwards.
 */
const rows: readonly Row[] = [
  serving,
  updating,
  suspendedByHost,
  lostSight,
  unreadable,
  diagnosePort,
  diagnoseAbsent,
  diagnoseRunning,
];

export function diagnose(look: Look): Assessment {
  const { lead, also } = combine(behaviour(look), blockers(look), look);
  return { lead: sure(lead, look), also: [...also, ...besides(look, lead)] };
}

function behaviour(look: Look): Diagnosis {
  for (const row of rows) {
    const diagnosis = row(look);
    if (diagnosis !== null) return diagnosis;
  }
  /* v8 ignore next -- @preserve: each kind of service is claimed by a row; a new one must pass for nothing known */
  return { stance: 'unknown', cause: 'unknown', because: 'what was seen fits no known cause' };
}

/** Whether an update is running decides over every repair: where that cannot be told, nothing is done. */
function sure(diagnosis: Diagnosis, { evidence }: Look): Diagnosis {
  if (diagnosis.stance !== 'failing' || evidence.update.kind !== 'unknown') return diagnosis;
  return {
    stance: 'unknown',
    cause: 'unknown',
    because: `${diagnosis.because}; but whether an update is running cannot be told: ${evidence.update.because}`,
  };
}

function serving(look: Look): Diagnosis | null {
  const ready = readiness(look.evidence);
  return ready.ready
    ? { stance: 'ready', cause: 'serving', because: ready.because, notes: ready.notes }
    : null;
}

function updating({ evidence }: Look): Diagnosis | null {
  const { dependencies } = evidence.ground;
  const marker =
    evidence.update.kind === 'running'
      ? evidence.update.marker
      : dependencies.kind === 'installing'
        ? dependencies.because
        : null;
  if (marker === null) return null;
  return {
    stance: 'hands-off',
    cause: 'update-running',
    because: `an OpenClaw update is running (${marker}); nothing is touched until it ends`,
  };
}

/** The gateway's host asked it to freeze: whatever it does not answer now is meant (facts: openclaw §7.2). */
function suspendedByHost({ evidence: { socket } }: Look): Diagnosis | null {
  if (socket.kind !== 'open' || socket.suspension === null || socket.suspension === 'accepting') return null;
  return {
    stance: 'hands-off',
    cause: 'host-suspended',
    because: `the gateway's host asked it to suspend (${socket.suspension}); nothing is touched until that ends`,
  };
}

function unreadable({ evidence }: Look): Diagnosis | null {
  if (evidence.service.kind === 'no-domain') {
    return {
      stance: 'hands-off',
      cause: 'no-domain',
      because: `there is no GUI session for launchd to run the gateway in (${evidence.service.because}): log in at the Mac, or turn on automatic login`,
      needsPerson: true,
    };
  }
  if (evidence.service.kind === 'unknown') {
    return {
      stance: 'unknown',
      cause: 'unknown',
      because: `the service manager gave no usable answer: ${evidence.service.because}`,
    };
  }
  return null;
}
