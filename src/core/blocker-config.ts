import type { Blocker } from './blockers.ts';
import type { ConfigEvidence } from './ground-evidence.ts';
import type { Look } from './look.ts';
import { mendWith } from './mend.ts';
import type { State } from './state.ts';
import { type Instant, since } from './time.ts';

/** Tells one look of the config file from another: what an edit changes. */
export function configKey(config: ConfigEvidence): string | null {
  switch (config.kind) {
    case 'sound':
      return config.hash;
    case 'faulty':
      // By its content: the verdict of a validator that comes later is no edit.
      return config.hash ?? config.fault;
    case 'unread':
    case 'unknown':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return config satisfies never;
  }
}

/** Remembers since when the file looks as it does. By our own clock: its mtime may lie in the future. */
export function noteConfig(state: State, config: ConfigEvidence, now: Instant): State {
  const key = configKey(config);
  if (key === null || key === state.configSeen?.key) return state;
  return { ...state, configSeen: { key, since: now } };
}

export function configBlocker({ evidence, state, now, rules }: Look): Blocker | null {
  const { config, rollback } = evidence.ground;
  if (config.kind !== 'faulty') return null;
  const cause =
    config.fault === 'clobbered' || config.fault === 'missing' ? 'config-clobbered' : 'config-invalid';
  const age = state.configSeen === null ? 0 : since(state.configSeen.since, now);
  return {
    cause,
    confidence: 'certain',
    because: `the gateway's config ${cause === 'config-clobbered' ? 'was clobbered' : 'is invalid'}: ${config.because}`,
    latent:
      age < rules.policy.latentTellMs
        ? null
        : {
            cause: 'config-latent',
            because: `still running on the old config; the next start would fail: ${config.because}`,
          },
    mend: mendWith(rollback, {
      ready: (remedy) => ({ kind: 'rollback', remedy, replaces: config.hash }),
      unread: 'no snapshot was looked for yet',
    }),
    settled: age >= rules.policy.editGraceMs || hasFailedWithIt({ evidence, state }),
  };
}

/** A start that began with this content has ended: whoever is still at it is not going to be there for the next one. */
function hasFailedWithIt({ evidence, state }: Pick<Look, 'evidence' | 'state'>): boolean {
  const { generation, configSeen } = state;
  if (generation === null || configSeen === null) return false;
  const isOver = evidence.service.kind === 'scheduled' || evidence.service.kind === 'stopped';
  return isOver && generation.readyAt === null && generation.firstSeenAt >= configSeen.since;
}
