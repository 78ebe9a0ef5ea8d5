import { configKey } from './blocker-config.ts';
import type { Evidence } from './evidence.ts';
import type { State } from './state.ts';
import { type Instant, type Millis, millis } from './time.ts';

/** What is remembered of the running generation from look to look. */
export interface Soak {
  /** Which life of the gateway this is. */
  readonly generation: string;
  /** What the config looked like when this generation was first seen healthy; null until that was seen. */
  readonly config: string | null;
  /** It has looked otherwise since: whatever it looks like now, nobody knows what the process holds. */
  readonly changed: boolean;
  /** Since when it is healthy without a break, and how much sleep it had behind it by then. */
  readonly healthy: { readonly since: Millis; readonly asleepMs: Millis } | null;
}

interface SoakLook {
  readonly state: State;
  readonly evidence: Evidence;
  /** Monotonic: a wall clock that steps must not end a soak. */
  readonly elapsed: Millis;
}

/** Follows one generation. It begins anew with each generation, with each break of health, and with us. */
export function followSoak(soak: Soak | null, { state, evidence, elapsed }: SoakLook): Soak | null {
  const { generation, phase, incident, asleepMs } = state;
  if (generation === null) return null;
  const name = `${generation.pid} ${generation.firstSeenAt}`;
  const known =
    soak?.generation === name ? soak : { generation: name, config: null, changed: false, healthy: null };
  if (phase.kind !== 'healthy' || incident !== null || generation.readyAt === null)
    return { ...known, healthy: null };
  // While nothing answers the config is not read at each look, so only a healthy look may say what it looked like.
  const config = configKey(evidence.ground.config);
  const changed = known.changed || (known.config !== null && config !== null && config !== known.config);
  return {
    ...known,
    config: known.config ?? config,
    changed,
    healthy: known.healthy ?? { since: elapsed, asleepMs },
  };
}

export type SoakVerdict =
  /** `mark` names this generation with this content. */
  | { readonly kind: 'over'; readonly startedAt: Instant; readonly config: string; readonly mark: string }
  | { readonly kind: 'wait'; readonly because: string };

/** May the config the running generation booted with be called verified, if its files are as old as they must be? */
export function judgeSoak(
  soak: Soak | null,
  { state, evidence, elapsed }: SoakLook,
  rules: { readonly soakMs: Millis; readonly trial: boolean },
): SoakVerdict {
  const wait = (because: string): SoakVerdict => ({ kind: 'wait', because });
  if (soak === null || soak.healthy === null) return wait('the gateway is not healthy');
  const startedAt = state.generation?.startedAt ?? null;
  if (startedAt === null) return wait('it is not known when the process was started');
  if (soak.changed) return wait('the config was changed under the running gateway');
  const { config } = evidence.ground;
  if (config.kind !== 'sound') return wait('the config is not known to be sound');
  // Its answer comes within seconds, and a refusal by it makes the config faulty.
  if (config.validator === 'pending') return wait("OpenClaw's validator is still at work");
  if (rules.trial) return wait('a changed config is on trial');
  // Neither a sleeping machine nor a starved one has proved anything.
  const slept = state.asleepMs - soak.healthy.asleepMs;
  const soaked = millis(elapsed - soak.healthy.since - slept);
  if (soaked < rules.soakMs) return wait('the gateway has not been ready for long enough');
  return { kind: 'over', startedAt, config: config.hash, mark: `${soak.generation} ${config.hash}` };
}

/** When a file was last written, and last moved, linked or changed in its attributes. */
export interface FileTimes {
  readonly path: string;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/**
 * The first file that may have changed after the process was started; null when the process booted with them all.
 * ps tells whole seconds, rounded down, so a file written in the very second of the start counts as too young and is
 * verified by the next boot: late, but never wrong. No tolerance is granted for the same reason. Where ps works the start
 * out from the uptime (procps 3) it may tell up to a second too late; the gateway opens its config 1.2 s and more after
 * its start (measured on 2026.6.6 and 2026.9.6), so a write in that second is still one it booted with. The change time
 * counts too, because a copy or a move brings an old modification time along.
 */
export function changedSince(files: readonly FileTimes[], startedAt: Instant): FileTimes | null {
  return files.find(({ mtimeMs, ctimeMs }) => Math.max(mtimeMs, ctimeMs) > startedAt) ?? null;
}
