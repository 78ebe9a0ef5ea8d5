import type { Evidence } from './evidence.ts';

interface Readiness {
  readonly ready: boolean;
  readonly because: string;
  readonly notes: readonly string[];
}

/**
 * Whether our gateway serves: liveness by exact /healthz, identity by the authenticated socket or by the listener.
 * An auth failure, a protocol mismatch or a 503 readiness is a note, never "down".
 */
export function readiness(evidence: Evidence): Readiness {
  const { healthz, socket, listener } = evidence;
  if (healthz.kind !== 'live') return { ready: false, because: 'not live', notes: [] };
  if (socket.kind === 'open') {
    return {
      ready: true,
      because: 'the gateway answers and the held connection is accepted',
      notes: notesOf(evidence),
    };
  }
  switch (listener.kind) {
    case 'foreign':
      return { ready: false, because: 'another program answers on the port', notes: [] };
    case 'ours':
      return {
        ready: true,
        because: `the gateway answers and process ${listener.pid} of its job listens`,
        notes: notesOf(evidence),
      };
    case 'orphan':
      return {
        ready: true,
        because: `a gateway of this state directory answers, but the service manager did not start it (pid ${listener.pid})`,
        notes: notesOf(evidence),
      };
    case 'elsewhere':
      return {
        ready: false,
        because: "somebody answers where the gateway's process does not listen",
        notes: [],
      };
    case 'none':
    case 'unread':
    case 'unknown':
      // A gateway that has said goodbye answers the connections it still has for a moment.
      if (socket.kind === 'closed' && socket.shutdown !== null) {
        return { ready: false, because: `the gateway said "${socket.shutdown.reason}"`, notes: [] };
      }
      return {
        ready: true,
        because: 'the gateway answers',
        notes: [...notesOf(evidence), 'who listens on the port could not be determined'],
      };
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return listener satisfies never;
  }
}

/** Right after its listener 9.6 says so for seconds; a deep look may fall into them, and nobody need hear of it. */
const startupSidecars = 'startup-sidecars';
const isPassing = (reason: string): boolean => reason === startupSidecars || reason === 'gateway-draining';

function notesOf({ socket, readiness: readyz, rpc }: Evidence): readonly string[] {
  const notes: string[] = [];
  if (socket.kind === 'protocol-mismatch') {
    notes.push(`protocol mismatch: ${socket.because}; watching by /healthz`);
  }
  if (socket.kind === 'not-tried' && socket.secretUnset !== true)
    notes.push(`watching by /healthz only: ${socket.because}`);
  if (socket.kind === 'open' && socket.suspension !== null && socket.suspension !== 'accepting') {
    notes.push(`the gateway's host asked it to suspend (${socket.suspension})`);
  }
  if (readyz.kind === 'not-ready' && (readyz.failing.length === 0 || !readyz.failing.every(isPassing)))
    notes.push(`readiness 503: ${readyz.failing.join(', ') || 'no reason given'}`);
  if (rpc.kind === 'failed' && !rpc.because.includes(startupSidecars))
    notes.push(`the health request failed: ${rpc.because}`);
  return notes;
}
