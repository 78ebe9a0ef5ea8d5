import type { Instant } from './time.ts';

/** What an operator can be told. */
export type AlertKind =
  | 'down'
  | 'action'
  | 'escalated'
  | 'recovered'
  | 'exhausted'
  | 'closed'
  | 'latent'
  | 'told'
  | 'flapping'
  | 'digest'
  | 'reminder'
  | 'overflow'
  | 'test';

export type Severity = 'critical' | 'warning' | 'info';

const rank: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export const isAtLeast = (severity: Severity, least: Severity): boolean => rank[severity] >= rank[least];

/** One message to a person, made of one transition. It says the same on every channel. */
export interface Alert {
  /** Number of the journal line and a count, or `t-…` for what a moment brought: the same after a replay. */
  readonly id: string;
  readonly kind: AlertKind;
  readonly severity: Severity;
  readonly at: Instant;
  readonly incident: string | null;
  /** At most 80 characters: it is read on a lock screen. */
  readonly title: string;
  /** What, and what we did: one thought a line. */
  readonly lines: readonly string[];
  /** Since when it lasts; null where that says nothing. */
  readonly since: Instant | null;
  /** The exact command to type. */
  readonly next: string;
}

/** How it goes with one alert on one channel. */
export interface Delivery {
  readonly channel: string;
  readonly state: 'waiting' | 'delivered' | 'given-up' | 'dropped';
  readonly tries: number;
  /** Not before this; when it is settled, the moment it was. */
  readonly nextAt: Instant;
  /** The other side wants nothing of it: others need not wait behind it. */
  readonly refused: boolean;
  /** What the newest try said; empty before the first. */
  readonly because: string;
}

export interface Entry {
  readonly alert: Alert;
  readonly deliveries: readonly Delivery[];
}

export const isWaiting = ({ deliveries }: Entry): boolean =>
  deliveries.some(({ state }) => state === 'waiting');
