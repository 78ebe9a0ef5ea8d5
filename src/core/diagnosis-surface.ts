import type { Diagnosis, Look } from './look.ts';
import { millis } from './time.ts';

/** The quick look right after the held connection broke: enough to open an incident, not enough to act. */
export function lostSight({ evidence, state }: Look): Diagnosis | null {
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
