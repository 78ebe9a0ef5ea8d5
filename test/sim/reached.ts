import { causes } from '../../src/core/causes.ts';
import type { Phase } from '../../src/core/state.ts';
import { type Spell, spells } from './happening.ts';

/**
 * Every way from one phase to another that there is. The others cannot be: an incident ends only in `probation` or in
 * `suspended`, and an action needs an incident. `healthy > probation` would be one that opens on a look that serves.
 */
const ways: Readonly<Record<Phase['kind'], readonly Phase['kind'][]>> = {
  healthy: ['starting', 'suspect', 'repairing', 'exhausted', 'suspended'],
  starting: ['healthy', 'suspect', 'repairing', 'probation', 'exhausted', 'suspended'],
  suspect: ['healthy', 'starting', 'repairing', 'probation', 'exhausted', 'suspended'],
  repairing: ['starting', 'suspect', 'probation'],
  probation: ['healthy', 'starting', 'suspect', 'repairing', 'suspended'],
  exhausted: ['starting', 'suspect', 'repairing', 'probation', 'suspended'],
  suspended: ['healthy', 'starting', 'suspect', 'repairing', 'probation', 'exhausted'],
};
const transitions = Object.entries(ways).flatMap(([from, tos]) => tos.map((to) => [from, to] as const));

/** Everything a run over the worlds of CI must have come by: each guard, way and end of the core. */
const expected: readonly string[] = [
  ...transitions.map(([from, to]) => `${from} > ${to}`),
  ...['healthy', 'starting', 'suspect', 'repairing', 'probation', 'exhausted', 'suspended'].map(
    (phase) => `phase ${phase}`,
  ),
  ...['opened', 'action', 'told', 'exhausted', 'resolved', 'closed'].map((kind) => `notice ${kind}`),
  ...['L1', 'L2', 'L3'].map((rung) => `rung ${rung}`),
  ...['restart', 'start', 'reload', 'unpark', 'end-orphan', 'reinstall', 'rollback', 'undo'].flatMap(
    (kind) => [`action ${kind}`, `${kind} done`, `${kind} failed`, `${kind} refused`],
  ),
  ...['done', 'failed', 'refused', 'lost'].map((outcome) => `outcome ${outcome}`),
  ...['death', 'death before the deed', 'death after the deed', 'flapping', 're-opened'],
  ...['paused', 'own-fault', 'woken', 'update-running', 'host-suspended', 'no-domain', 'not-installed'].map(
    (why) => `suspended ${why}`,
  ),
  ...['stopped-by-operator', 'disabled-by-operator'].map((why) => `suspended ${why}`),
  ...['go', 'nothing', 'refused', 'by force', 'through a pause', 'to a gateway that serves'].map(
    (what) => `order ${what}`,
  ),
  ...Object.keys(ways).map((phase) => `order in ${phase}`),
  ...['in a terminal', 'unknown', 'without its lock', 'it came back'].map((why) => `orphan left: ${why}`),
  ...spells.map((spell: Spell) => `happening ${spell}`),
];

/** Causes that never lead: they hold beside another one. */
const onlyBeside = ['config-latent', 'dependency-latent', 'auth-mismatch', 'channels-suppressed'];

/** What was not reached, by name. */
export function missing(counts: ReadonlyMap<string, number>): readonly string[] {
  const reached = (what: string): boolean => counts.has(what);
  const unnamed = Object.keys(causes).filter((cause) => {
    if (cause === 'woken') return !reached('suspended woken');
    return onlyBeside.includes(cause) ? !reached(`also ${cause}`) : !reached(`lead ${cause}`);
  });
  return [...expected.filter((what) => !reached(what)), ...unnamed.map((cause) => `cause ${cause}`)];
}
