import { diagnoseAbsent } from './diagnosis-absent.ts';
import { diagnosePort } from './diagnosis-port.ts';
import { diagnoseRunning } from './diagnosis-running.ts';
import { readiness } from './health.ts';
import type { Diagnosis, Look } from './look.ts';
import { millis } from './time.ts';

type Row = (look: Look) => Diagnosis | null;

/**
 * The ordered cause table: the first row that claims the look wins. Ready comes first (a gateway that serves is never
 * touched, whatever the service manager says), then what forbids every action, then what is wrong.
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

export function diagnose(look: Look): Diagnosis {
  for (const row of rows) {
    const diagnosis = row(look);
    if (diagnosis !== null) return sure(diagnosis, look);
  }
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
  if (evidence.update.kind !== 'running') return null;
  return {
    stance: 'hands-off',
    cause: 'update-running',
    because: `an OpenClaw update is running (${evidence.update.marker}); nothing is touched until it ends`,
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

/** The quick look right after the held connection broke: enough to open an incident, not enough to act. */
function lostSight({ evidence, state }: Look): Diagnosis | null {
  if (evidence.service.kind !== 'unread') return null;
  const { socket, healthz } = evidence;
  if (healthz.kind === 'timeout') {
    // Counts as a miss, so that a hang is an incident at the next close look; nothing may be done without that look.
    return {
      stance: 'failing',
      cause: 'hung',
      because: '/healthz gave no answer in time',
      step: null,
      since: healthz.sentAt,
      opensAfterMs: millis(0),
      dueAfterMs: millis(Number.MAX_SAFE_INTEGER),
    };
  }
  const refused = healthz.kind === 'refused' || healthz.kind === 'reset';
  if (socket.kind === 'closed' && socket.wasOpen && socket.shutdown === null && refused) {
    return {
      stance: 'wait',
      cause: 'crashed',
      because: `the gateway dropped the held connection without a goodbye (close code ${socket.code}) and refuses new ones`,
      opens: true,
    };
  }
  if (socket.kind === 'closed' && socket.shutdown !== null && (refused || healthz.kind === 'live')) {
    return {
      stance: 'wait',
      cause: 'draining',
      because: `the gateway said "${socket.shutdown.reason}"`,
      opens: false,
    };
  }
  return {
    stance: 'wait',
    cause: state.cause,
    because: 'the gateway did not answer; looking closer',
    opens: false,
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
