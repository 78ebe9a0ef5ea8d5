import type { Diagnosis, Look } from './look.ts';
import type { LastExit } from './service.ts';
import { millis } from './time.ts';

/** Started again and again without one ready moment: told, for another restart would only be one more. */
export function crashLoop(look: Look): Diagnosis {
  const exit = lastExit(look);
  const how = exit === null ? '' : ` (last ${spellExit(exit)})`;
  return {
    stance: 'untouchable',
    cause: 'crash-loop',
    because: `the gateway was started ${look.state.bootsSinceReady} times without becoming ready${how}; another restart would not help; ${ownWords(look)}`,
    // What a start stands on is still being looked at: a cause may be about to have its name.
    dueAfterMs: isJudged(look) ? millis(0) : look.rules.policy.validatorMs,
  };
}

function isJudged({ evidence: { ground } }: Look): boolean {
  const { config, dependencies } = ground;
  const pending = config.kind === 'sound' && config.validator === 'pending';
  return !pending && dependencies.kind !== 'unknown';
}

/** What OpenClaw itself says of the failure: its boot record first, for it is exact, then its log. */
function ownWords({ evidence: { ground } }: Look): string {
  if (ground.boot.kind === 'row' && ground.boot.reason !== null)
    return `OpenClaw says: ${ground.boot.reason}`;
  const said = ground.log.kind === 'read' ? ground.log.findings.at(-1) : undefined;
  return said === undefined ? 'its log says why' : `its log says: ${said.text}`;
}

/**
 * The life that served has ended badly, and a close look is the first to see it (no held connection broke, or launchd
 * was quicker than we): an incident all the same, left to launchd. null when it is one already, or was a planned end.
 */
export function diedBadly(look: Look): Diagnosis | null {
  const { evidence, state } = look;
  const { socket } = evidence;
  const exit = lastExit(look);
  const badly = exit?.kind === 'signal' || (exit?.kind === 'code' && exit.code !== 0);
  const goodbye = socket.kind === 'closed' && socket.shutdown !== null;
  if (state.incident !== null || !badly || goodbye || !servedJustBefore(look)) return null;
  return {
    stance: 'wait',
    cause: 'crashed',
    because: `the gateway ${spellExit(exit)} while it was serving; launchd relaunches it by itself`,
    opens: true,
  };
}

/** The newest life seen before this one was ready. */
function servedJustBefore({ evidence, state }: Look): boolean {
  if (state.lastReady === null) return false;
  return evidence.service.kind === 'running' ? state.bootsSinceReady === 1 : state.bootsSinceReady === 0;
}

function lastExit({ evidence: { service } }: Look): LastExit | null {
  return service.kind === 'scheduled' || service.kind === 'running' ? service.lastExit : null;
}

function spellExit(exit: LastExit): string {
  switch (exit.kind) {
    case 'code':
      return `ended with exit code ${exit.code}`;
    case 'signal':
      return `was ended by ${exit.name}`;
    case 'never':
      return 'never ended';
    case 'other':
      return `ended: ${exit.text}`;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return exit satisfies never;
  }
}
