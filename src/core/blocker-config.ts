import type { Blocker } from './blockers.ts';
import type { ConfigEvidence } from './ground-evidence.ts';
import type { Look } from './look.ts';
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
  // A mode that keeps the gateway out is the operator's business, and no snapshot would change it.
  const untouchable = config.fault === 'unreadable';
  return {
    cause,
    confidence: 'certain',
    because: `the gateway's config ${cause === 'config-clobbered' ? 'was clobbered' : 'is invalid'}: ${config.because}`,
    latent:
      age < rules.policy.latentTellMs
        ? null
        : {
            cause: 'config-latent',
            because: `the config file on disk would not start the gateway again: ${config.because}`,
          },
    mend: untouchable
      ? { kind: 'person' }
      : rollback.kind === 'ready'
        ? { kind: 'rollback', remedy: rollback.id, replaces: config.hash }
        : {
            kind: 'not-available',
            because: 'because' in rollback ? rollback.because : 'no snapshot was looked for yet',
          },
    settled: age >= rules.policy.editGraceMs,
  };
}
