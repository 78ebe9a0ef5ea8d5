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
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return service satisfies never;
  }
}

export function portHeld({ evidence, rules }: Look): Diagnosis | null {
  const { listener } = evidence;
  if (listener.kind === 'foreign') {
    const tailscale = isTailscale(listener.command);
    const holder = tailscale ? 'Tailscale' : listener.command || 'another program';
    const pid = listener.pid === null ? '' : ` (pid ${listener.pid})`;
    return {
      stance: 'untouchable',
      cause: 'port-foreign',
      because: `the gateway's port is held by ${holder}${pid}, which is not the gateway; the gateway waits for it, so a restart would not help${tailscale ? tailscaleHint : ''}`,
      dueAfterMs: rules.policy.portGraceMs,
    };
  }
  if (listener.kind === 'orphan') {
    return {
      stance: 'untouchable',
      cause: 'port-orphan',
      because: `a gateway that the service manager did not start (pid ${listener.pid}) holds the port: end it, and launchd starts its own`,
      dueAfterMs: rules.policy.portGraceMs,
    };
  }
  return null;
}

/** The app from the App Store shows as its network extension; the other kinds carry the name. */
const isTailscale = (command: string): boolean => /tailscale|IPNExtension/i.test(command);

const tailscaleHint =
  ': give one of the two another port ("tailscale serve status" shows what Tailscale serves), or set gateway.bind to "loopback"';
