import type { ChannelEvidence } from '../core/ground-evidence.ts';
import { type Instant, millis, minutes, plus, seconds } from '../core/time.ts';
import type { BootHistory, BootRow } from './boot-history.ts';

interface ChannelInput {
  readonly now: Instant;
  readonly history: BootHistory;
  /** The installed OpenClaw's; null when it is not known. */
  readonly version: string | null;
  /** The answer to the `health` request, if somebody asked: it names the channels. */
  readonly rpcHealth?: unknown;
}

/** The breaker as 2026.9.6 has it: so many boots without a clean end within this time. */
const uncleanBoots = 3;
const windowMs = minutes(5);
/** Its health monitor looks a minute after the channels came up and every five minutes from then: measured 365 s. */
const liftsAfterMs = minutes(6);
/** From a boot's row to the start of that monitor: 6 s measured, more on a busy machine. */
const bootMs = seconds(30);
const tripped = 'gateway.crash_loop_breaker';
const recovered = 'gateway.crash_loop_recovered';
/** Failures OpenClaw does not count, because a start cannot mend them. */
const uncounted: readonly (string | null)[] = [
  'gateway.maintenance_required',
  'gateway.agent_media_migration_required',
];

/**
 * Whether OpenClaw's restart-loop breaker holds the channels of a serving gateway down. Its boot rows decide, by
 * OpenClaw's own arithmetic; what `health` says of the channels themselves beats them where it was asked.
 */
export function readChannels({ now, history, version, rpcHealth }: ChannelInput): ChannelEvidence {
  const byRows = judgeRows(history, version, now);
  const channels = channelsIn(rpcHealth);
  if (channels === null) return byRows;
  const held = channels.filter(({ heldDown }) => heldDown).map(({ name }) => name);
  if (held.length > 0) {
    const until = byRows.kind === 'suppressed' ? byRows.until : null;
    return {
      kind: 'suppressed',
      until,
      because: `OpenClaw's restart-loop breaker holds ${held.join(', ')} down${whenLifted(until)}`,
    };
  }
  // Nothing there to hold down, or all of it started by hand in spite of the breaker.
  const idle = channels.some(({ running }) => !running);
  return byRows.kind === 'suppressed' && idle ? byRows : { kind: 'normal' };
}

function judgeRows(history: BootHistory, version: string | null, now: Instant): ChannelEvidence {
  if (history.kind === 'unknown') return history;
  if (history.kind === 'none') {
    return knownWithoutBreaker(version)
      ? { kind: 'normal' }
      : { kind: 'unknown', because: 'OpenClaw has written down no start of the gateway' };
  }
  const [current, ...earlier] = history.rows;
  if (current === undefined || current.outcome !== null || current.completedAt !== null) {
    return { kind: 'unknown', because: "OpenClaw's newest boot row is not the serving gateway's" };
  }
  if (current.startupReason === recovered) return { kind: 'normal' };
  // A second boot under the breaker carries no mark: then only the count tells.
  if (current.startupReason !== tripped && countUnclean(earlier, current.startedAt) < uncleanBoots) {
    return { kind: 'normal' };
  }
  const expected = plus(current.startedAt, millis(liftsAfterMs + bootMs));
  // Past its time: the gateway's interval is another one, or its health monitor is off.
  const until = now > expected ? null : expected;
  return {
    kind: 'suppressed',
    until,
    because: `OpenClaw's restart-loop breaker holds all channels down${whenLifted(until)}`,
  };
}

/** As OpenClaw counts when it boots: boots without an end that began in the window, and starts that failed in it. */
function countUnclean(rows: readonly BootRow[], bootAt: Instant): number {
  const from = bootAt - windowMs;
  return rows.filter(({ startedAt, completedAt, outcome, startupReason }) => {
    if (uncounted.includes(startupReason)) return false;
    if (completedAt === null) return startedAt >= from;
    return outcome === 'startup_failed' && completedAt >= from;
  }).length;
}

const whenLifted = (until: Instant | null): string =>
  until === null ? '' : `, and lifts by itself after five minutes without another crash`;

/** 2026.6.6 has none and was measured; of the versions between it and 2026.9 nothing is known. */
function knownWithoutBreaker(version: string | null): boolean {
  const [year, month] = (version ?? '').split('.').map(Number);
  return year !== undefined && month !== undefined && (year < 2026 || (year === 2026 && month <= 6));
}

interface Channel {
  readonly name: string;
  readonly running: boolean;
  readonly heldDown: boolean;
}

/** More channels and accounts than this nobody has; the payload is a stranger's. */
const maxChannels = 32;

/** The configured accounts in a `health` payload; null when it is not one. */
function channelsIn(payload: unknown): readonly Channel[] | null {
  const channels = entries(payload)?.find(([name]) => name === 'channels')?.[1];
  const found = entries(channels)?.slice(0, maxChannels);
  return found === undefined ? null : found.flatMap(([name, channel]) => accountsOf(name, channel));
}

function accountsOf(name: string, channel: unknown): readonly Channel[] {
  const accounts = entries(entries(channel)?.find(([key]) => key === 'accounts')?.[1]) ?? [];
  const all = accounts.length > 0 ? accounts.slice(0, maxChannels) : [[name, channel] as const];
  return all.flatMap(([, account]) => {
    const state = new Map(entries(account) ?? []);
    if (state.get('configured') !== true || state.get('enabled') === false) return [];
    const lastError = state.get('lastError');
    const running = state.get('running') === true;
    const heldDown = !running && typeof lastError === 'string' && lastError.startsWith(heldDownBy);
    return [{ name: name.slice(0, maxNameLength), running, heldDown }];
  });
}

const heldDownBy = 'gateway restart-loop breaker tripped:';
const maxNameLength = 40;

const entries = (value: unknown): readonly (readonly [string, unknown])[] | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null;
