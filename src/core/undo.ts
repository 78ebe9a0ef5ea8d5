import type { Cause } from './cause.ts';
import { isInPlace } from './in-place.ts';
import type { Assessment, Diagnosis, Look } from './look.ts';
import type { ActionStep, Open, State } from './state.ts';

/** So many starts must have failed since a repair before it is said not to have helped. */
const failedStarts = 2;

/**
 * The repair of this incident that did not help and is still in place, newest first. A package whose own list is
 * complete now was helped, whatever else is wrong; a cause outside of the gateway says nothing of a repair.
 */
export function unhelpful(state: Open, { lead }: Assessment, { evidence }: Look): ActionStep | null {
  if (!judges(lead) || evidence.update.kind === 'unknown') return null;
  const lives = evidence.service.kind === 'running' ? 1 : 0;
  // A start that became ready begins the count anew.
  const failed = Math.min(state.bootsSinceRepair, state.bootsSinceReady) - lives;
  if (failed < failedStarts) return null;
  const standing = state.incident.attempts.filter(isInPlace).at(-1);
  if (standing === undefined) return null;
  const what = standing.kind === 'reinstall' ? 'reinstall' : 'rollback';
  if (what === 'reinstall' && evidence.ground.dependencies.kind === 'intact') return null;
  return { kind: 'undo', of: standing.actionId, what };
}

/** Whether what leads now is a start that failed by itself; a port held by others or a full disk says nothing of it. */
function judges({ stance, cause }: Diagnosis): boolean {
  if (cause === 'port-orphan') return false;
  return stance === 'failing' || (stance === 'untouchable' && failedStart.has(cause));
}

const failedStart: ReadonlySet<Cause> = new Set<Cause>([
  'crash-loop',
  'parked-cause-present',
  'parked-again',
  'config-invalid',
  'config-clobbered',
  'half-install',
  'dependency-missing',
  'dist-corrupted',
  'schema-newer',
]);

/** Starts that fail of these would have failed with any config: they are no word against a snapshot. */
const whateverTheConfig: ReadonlySet<Cause> = new Set<Cause>([
  'half-install',
  'dependency-missing',
  'dist-corrupted',
  'schema-newer',
]);

/** Whether the undo in flight is made because starts failed of what may be the config's doing. */
export function isConfigBlamed({ incident }: Pick<State, 'incident'>): boolean {
  const cause = incident?.attempts.findLast(({ kind }) => kind === 'undo')?.cause;
  return cause !== undefined && !whateverTheConfig.has(cause);
}
