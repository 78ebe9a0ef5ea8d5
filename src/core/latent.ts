import type { Diagnosis, Finding, Look } from './look.ts';
import { memoryFinding } from './resources.ts';
import { spellUntil } from './words.ts';

/** What holds beside a gateway that serves: worth telling, never worth a restart. */
export function besides(look: Look, lead: Diagnosis): readonly Finding[] {
  if (lead.stance !== 'ready') return [];
  return [auth(look), channels(look), orphan(look), memoryFinding(look)].filter((each) => each !== null);
}

function auth({ evidence: { socket } }: Look): Finding | null {
  if (socket.kind === 'not-tried' && socket.secretUnset === true) {
    return {
      cause: 'auth-mismatch',
      confidence: 'likely',
      because: `auth mismatch: ${socket.because}, so the gateway has made up a token that no client knows; set the variable and restart it`,
    };
  }
  if (socket.kind !== 'auth-failed') return null;
  return {
    cause: 'auth-mismatch',
    confidence: 'certain',
    because: `auth mismatch: the gateway refused the token in its own config (${socket.because}); watching by /healthz`,
  };
}

/** OpenClaw's breaker: the channels come back by themselves (facts: openclaw §6); "resolved" waits for them. */
function channels({ evidence }: Look): Finding | null {
  const { channels: found } = evidence.ground;
  if (found.kind !== 'suppressed') return null;
  const until =
    found.until === null ? 'OpenClaw lifts it' : `about ${spellUntil(found.until, evidence.at)} from now`;
  return {
    cause: 'channels-suppressed',
    confidence: 'certain',
    because: `serving, channels suppressed until ${until}: ${found.because}`,
  };
}

function orphan({ evidence: { listener } }: Look): Finding | null {
  if (listener.kind !== 'orphan') return null;
  return {
    cause: 'port-orphan',
    confidence: 'certain',
    because: `served by process ${listener.pid}, which the service manager does not supervise`,
  };
}
