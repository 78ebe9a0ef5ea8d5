import type { Diagnosis, Look } from './look.ts';

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
    default:
      return service satisfies never;
  }
}

export function portHeld({ evidence, rules }: Look): Diagnosis | null {
  const { listener } = evidence;
  if (listener.kind === 'foreign') {
    return {
      stance: 'untouchable',
      cause: 'port-foreign',
      because: `the gateway's port is held by ${listener.command || 'another program'}${listener.pid === null ? '' : ` (pid ${listener.pid})`}, which is not the gateway; the gateway waits for it, so a restart would not help`,
      dueAfterMs: rules.policy.portGraceMs,
    };
  }
  if (listener.kind === 'orphan') {
    return {
      stance: 'untouchable',
      cause: 'port-orphan',
      because: `a gateway that the service manager did not start (pid ${listener.pid}) holds the port`,
      dueAfterMs: rules.policy.portGraceMs,
    };
  }
  return null;
}
