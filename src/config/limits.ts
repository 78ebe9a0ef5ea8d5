import type { Policy } from '../core/policy.ts';
import { formatDuration } from './duration.ts';

interface Problem {
  readonly key: string;
  readonly hint: string;
}

/** Below this the loop would spin instead of watching. */
const shortestTickMs = 20;

/**
 * Settings that are each valid and together make no sense. Above all: a limiter whose window is shorter than its
 * actions need can never trip, and is no limiter.
 */
export function policyProblems(policy: Policy): readonly Problem[] {
  const problems: Problem[] = [];
  const demand = (holds: boolean, key: string, hint: string): void => {
    if (!holds) problems.push({ key: `policy.${key}`, hint });
  };

  demand(policy.tickMs >= shortestTickMs, 'tickMs', `must be at least ${shortestTickMs}ms`);
  demand(policy.urgentTickMs >= shortestTickMs, 'urgentTickMs', `must be at least ${shortestTickMs}ms`);
  demand(
    policy.urgentTickMs <= policy.tickMs,
    'urgentTickMs',
    `must not be longer than tickMs (${formatDuration(policy.tickMs)})`,
  );
  demand(
    policy.hangActMs <= policy.hangActAloneMs,
    'hangActAloneMs',
    `must not be shorter than hangActMs (${formatDuration(policy.hangActMs)})`,
  );
  demand(
    policy.gapMs > policy.tickMs,
    'gapMs',
    `must be longer than tickMs (${formatDuration(policy.tickMs)}), or every look seems to follow a sleep`,
  );

  // The soonest one action can follow another: the shortest of the waits that precede one.
  const spacingMs = Math.min(
    policy.hangActMs,
    policy.relaunchGraceMs,
    policy.pendedGraceMs,
    policy.reloadAfterMs,
  );
  for (const key of ['burst', 'sustained'] as const) {
    const { limit, windowMs } = policy[key];
    demand(
      windowMs >= limit * spacingMs,
      `${key}.windowMs`,
      `is too short for its limit to be reached: ${limit} actions need at least ${limit * spacingMs}ms`,
    );
  }
  demand(
    policy.sustained.windowMs >= policy.burst.windowMs,
    'sustained.windowMs',
    `must not be shorter than burst.windowMs (${formatDuration(policy.burst.windowMs)})`,
  );
  demand(
    policy.sustained.limit >= policy.burst.limit,
    'sustained.limit',
    `must not be below burst.limit (${policy.burst.limit}), which could never be reached`,
  );
  return problems;
}
