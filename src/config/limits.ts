import type { Policy } from '../core/policy.ts';
import { formatDuration } from './duration.ts';

interface Problem {
  readonly key: string;
  readonly hint: string;
}

/** Below this the loop would spin instead of watching. */
const shortestTickMs = 20;

type Demand = (
  holds: boolean,
  key: keyof Policy | `${keyof Policy}.windowMs` | `${keyof Policy}.limit`,
  hint: string,
) => void;

/**
 * Settings that are each valid and together make no sense. Above all: a limiter whose window is shorter than its
 * actions need can never trip and is no limiter, and a rung behind a limit that trips first is never reached.
 */
export function policyProblems(policy: Policy): readonly Problem[] {
  const problems: Problem[] = [];
  const demand: Demand = (holds, key, hint) => {
    if (!holds) problems.push({ key: `policy.${key}`, hint });
  };
  pace(policy, demand);
  limiters(policy, demand);
  rungs(policy, demand);
  alerts(policy, demand);
  return problems;
}

function pace(policy: Policy, demand: Demand): void {
  const tick = formatDuration(policy.tickMs);
  demand(policy.tickMs >= shortestTickMs, 'tickMs', `must be at least ${shortestTickMs}ms`);
  demand(policy.urgentTickMs >= shortestTickMs, 'urgentTickMs', `must be at least ${shortestTickMs}ms`);
  demand(policy.urgentTickMs <= policy.tickMs, 'urgentTickMs', `must not be longer than tickMs (${tick})`);
  demand(
    policy.hangActMs <= policy.hangActAloneMs,
    'hangActAloneMs',
    `must not be shorter than hangActMs (${formatDuration(policy.hangActMs)})`,
  );
  demand(
    policy.gapMs > policy.tickMs,
    'gapMs',
    `must be longer than tickMs (${tick}), or every look seems to follow a sleep`,
  );
  demand(
    policy.trialMaxMs >= policy.trialWatchMs,
    'trialMaxMs',
    `must not be shorter than trialWatchMs (${formatDuration(policy.trialWatchMs)})`,
  );
  demand(
    policy.flapStableMs >= policy.stableMs,
    'flapStableMs',
    `must not be shorter than stableMs (${formatDuration(policy.stableMs)}), or flapping would resolve sooner`,
  );
}

/** The soonest one action can follow another: the shortest of the waits that precede one, or the pause between two. */
const spacingOf = (policy: Policy): number =>
  Math.max(
    policy.backoffMs,
    Math.min(policy.hangActMs, policy.relaunchGraceMs, policy.pendedGraceMs, policy.reloadAfterMs),
  );

/** The pauses between so many actions in a row, each twice as long as the one before, up to the longest. */
const waitsBetween = (limit: number, { backoffMs, backoffMaxMs }: Policy): number =>
  Array.from({ length: Math.max(0, limit - 1) }, (_, n) => Math.min(backoffMs * 2 ** n, backoffMaxMs)).reduce(
    (sum, each) => sum + each,
    0,
  );

function limiters(policy: Policy, demand: Demand): void {
  const spacingMs = spacingOf(policy);
  for (const key of ['burst', 'sustained', 'rollbacks', 'reinstalls'] as const) {
    const { limit, windowMs } = policy[key];
    demand(
      windowMs >= limit * spacingMs,
      `${key}.windowMs`,
      `is too short for its limit to be reached: ${limit} actions need at least ${limit * spacingMs}ms`,
    );
  }
  for (const key of ['burst', 'sustained'] as const) {
    const { limit, windowMs } = policy[key];
    demand(
      waitsBetween(limit, policy) < windowMs,
      `${key}.windowMs`,
      `is too short for its limit to be reached: the pauses between ${limit} actions (backoffMs, doubled each time) are longer`,
    );
  }
  const { limit, windowMs } = policy.flap;
  demand(
    windowMs >= limit * policy.tickMs,
    'flap.windowMs',
    `is too short for its limit to be reached: ${limit} losses need at least ${limit * policy.tickMs}ms`,
  );
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
  demand(
    policy.backoffMaxMs >= policy.backoffMs,
    'backoffMaxMs',
    `must not be shorter than backoffMs (${formatDuration(policy.backoffMs)})`,
  );
  demand(
    policy.backoffMaxMs < policy.sustained.windowMs,
    'backoffMaxMs',
    `must be shorter than sustained.windowMs (${formatDuration(policy.sustained.windowMs)}), or that budget can never be used up`,
  );
}

/** Every rung must be reachable: restarts that use up the whole budget would leave none for a repair and its start. */
function rungs(policy: Policy, demand: Demand): void {
  demand(
    policy.restartAttempts < policy.sustained.limit,
    'restartAttempts',
    `must be below sustained.limit (${policy.sustained.limit}), or the rungs above a restart are never reached`,
  );
  demand(
    policy.burst.windowMs < policy.sustained.windowMs || policy.burst.limit === policy.sustained.limit,
    'burst.windowMs',
    'as long as sustained.windowMs, it hides that limit: make it shorter',
  );
  demand(
    policy.reinstalls.limit <=
      policy.sustained.limit * Math.ceil(policy.reinstalls.windowMs / policy.sustained.windowMs),
    'reinstalls.limit',
    'could never be reached within the budget of actions',
  );
  demand(
    policy.rollbacks.limit <=
      policy.sustained.limit * Math.ceil(policy.rollbacks.windowMs / policy.sustained.windowMs),
    'rollbacks.limit',
    'could never be reached within the budget of actions',
  );
  demand(
    policy.crashLoopRuns > 2,
    'crashLoopRuns',
    'must be above 2: a repair is judged by two starts, and a loop told before that would end the ladder early',
  );
}

/** Alerts decide nothing, so only what contradicts itself is refused. */
function alerts(policy: Policy, demand: Demand): void {
  demand(
    policy.alertRetryMaxMs >= policy.alertRetryMs,
    'alertRetryMaxMs',
    `must not be shorter than alertRetryMs (${formatDuration(policy.alertRetryMs)})`,
  );
  demand(
    policy.alertGiveUpMs > policy.alertRetryMaxMs,
    'alertGiveUpMs',
    `must be longer than alertRetryMaxMs (${formatDuration(policy.alertRetryMaxMs)}), or nothing is ever tried again`,
  );
}
