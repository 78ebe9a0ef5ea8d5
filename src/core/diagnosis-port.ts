import type { ListenerEvidence } from './evidence.ts';
import type { Diagnosis, Look } from './look.ts';
import type { ProcessIdentity } from './service.ts';

/** Rows for a port that somebody else holds: whatever the job does then, another start of it would not help. */
export function diagnosePort(look: Look): Diagnosis | null {
  const { service, process } = look.evidence;
  switch (service.kind) {
    case 'running':
      return process.kind === 'gone' ? null : portHeld(look);
    case 'scheduled':
    case 'pended':
    case 'stopped':
      return portHeld(look);
    case 'unread':
    case 'stopping':
    case 'not-loaded':
    case 'no-domain':
    case 'unknown':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return service satisfies never;
  }
}

export function portHeld({ evidence, rules, state }: Look): Diagnosis | null {
  const { listener } = evidence;
  const dueAfterMs = rules.policy.portGraceMs;
  if (listener.kind === 'foreign') {
    const tailscale = isTailscale(listener.command);
    const holder = tailscale ? 'Tailscale' : listener.command || 'another program';
    const pid = listener.pid === null ? '' : ` (pid ${listener.pid})`;
    return {
      stance: 'untouchable',
      cause: 'port-foreign',
      because: `the gateway's port is held by ${holder}${pid}, which is not the gateway; the gateway waits for it, so a restart would not help${tailscale ? tailscaleHint : otherHint}`,
      dueAfterMs,
    };
  }
  if (listener.kind === 'orphan') {
    const holder = `a gateway that the service manager did not start (pid ${listener.pid}) holds the port`;
    const left = whyLeft(listener, { evidence, state });
    if (typeof left === 'string') {
      const because = `${holder}: ${left}; "immune fix-port" ends it if you say so, and launchd starts its own`;
      return { stance: 'untouchable', cause: 'port-orphan', because, dueAfterMs };
    }
    return {
      stance: 'failing',
      cause: 'port-orphan',
      because: `${holder} and OpenClaw's lock, answers nothing and has no terminal: nobody's, and launchd's own cannot start beside it`,
      step: {
        kind: 'end-orphan',
        label: rules.label,
        job: evidence.service.kind === 'not-loaded' ? 'parked' : 'loaded',
        orphan: left,
        port: listener.port,
      },
      opensAfterMs: dueAfterMs,
      dueAfterMs,
    };
  }
  return null;
}

type Orphan = ListenerEvidence & { readonly kind: 'orphan' };

/** Why it is not for the watchdog to end, or else exactly whom it may end. */
function whyLeft(
  { pid, startedAt, hasTerminal }: Orphan,
  { evidence, state }: Pick<Look, 'evidence' | 'state'>,
): string | ProcessIdentity {
  const { lock } = evidence.ground;
  if (hasTerminal === true) return 'somebody started it in a terminal, so it is left alone';
  if (hasTerminal === null) return 'whether somebody started it in a terminal cannot be told';
  if (startedAt === null) return 'when it was started cannot be told';
  if (lock.kind === 'unread' || lock.kind === 'unknown') return "who holds OpenClaw's lock cannot be told";
  if (lock.kind !== 'held' || lock.pid !== pid) return "it does not hold OpenClaw's lock as well";
  // Ended beside a job that nobody starts it would leave nothing at all. One that OpenClaw parked because of this very
  // lock is un-parked once its cause is gone.
  const isParked = evidence.audit.kind === 'park' && evidence.disabled === 'disabled';
  if (evidence.service.kind === 'not-loaded' && !isParked) return "launchd's own job is not loaded";
  const ended = state.orphanEnded;
  const isSame = ended?.pid === pid && Math.abs(ended.startedAt - startedAt) <= startToleranceMs;
  if (ended !== null && !isSame)
    return `one was ended (${ended.actionId}), and came back: somebody else starts it`;
  return { pid, startedAt };
}

/** The system rounds start times: two looks at one process may differ by so much. */
const startToleranceMs = 2_000;

/** The app from the App Store shows as its network extension; the other kinds carry the name. */
const isTailscale = (command: string): boolean => /tailscale|IPNExtension/i.test(command);

const tailscaleHint =
  ': give one of the two another port ("tailscale serve status" shows what Tailscale serves), or set gateway.bind to "loopback"; "immune fix-port" does either';
const otherHint = '; "immune fix-port" says who it is and what can be done';
