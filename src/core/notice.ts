import type { Instant } from './time.ts';

/**
 * What the operator is told: part of the journal line that is made durable before any action. `incident` is the
 * dedup key. Within one incident there is at most one `exhausted` and, if it heals, exactly one `resolved`.
 */
export interface Notice {
  readonly kind: 'opened' | 'action' | 'told' | 'exhausted' | 'resolved' | 'closed';
  readonly at: Instant;
  readonly incident: string | null;
  readonly text: string;
  /** The operator asked for it and got it: written down, and no reason to send anything. */
  readonly asked?: true;
}
