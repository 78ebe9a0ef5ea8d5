import { join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { listerOf } from '../gateway/live-processes.ts';
import type { SwapDeps } from '../repairs/config-swap.ts';
import { acquireLease, type LeaseHolder } from '../system/lease.ts';
import type { Processes } from '../system/process.ts';
import { plansIn } from '../vault/plans.ts';
import type { ChangeGround } from './change-ground.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { clockTime } from './status/words.ts';

/** What a change of the config is made with. */
export function swapDepsOf(ground: ChangeGround, { paths, clock, uid }: Context): SwapDeps {
  const { processes } = ground.shop;
  return {
    configPath: ground.place.configPath,
    home: ground.ground.home,
    uid,
    plans: plansIn(paths.state),
    quarantine: paths.quarantine,
    processes: listerOf(processes),
    now: clock.now,
  };
}

/** Changes the config in the daemon's absence. */
export function withOwnHands<T>(
  {
    role,
    ground,
    again = role,
  }: { readonly role: string; readonly ground: ChangeGround; readonly again?: string },
  context: Context,
  work: (deps: SwapDeps) => Promise<T>,
): Promise<T> {
  const { processes } = ground.shop;
  return underLease({ role, processes, again }, context, () => work(swapDepsOf(ground, context)));
}

/** Does the daemon's work in its absence: whoever holds the lease is the only one who changes anything. */
export async function underLease<T>(
  {
    role,
    processes,
    again = role,
  }: {
    readonly role: string;
    readonly processes: Processes;
    /** What to type after "immune" to try the same again. */
    readonly again?: string;
  },
  context: Context,
  work: () => Promise<T>,
): Promise<T> {
  const { paths, clock } = context;
  const { own, isAlive } = processes;
  const lease = await acquireLease(paths.lease, { role }, { now: clock.now, own, isAlive });
  if (lease.kind === 'busy') throw busyWith(lease.holder, again);
  if (lease.kind === 'failed') {
    throw new UserError('lease', `nothing was changed: ${lease.because}`, {
      hint: `make ${join(paths.state)} writable for this user, then try again`,
      exitCode: exitCodes.unhealthy,
    });
  }
  try {
    return await work();
  } finally {
    await lease.release();
  }
}

/** Who is at work, and how to go on: a command ends soon, and a watchdog that holds the lease answers once it is up. */
function busyWith({ pid, role, since }: LeaseHolder, again: string): UserError {
  const isWatchdog = role === 'daemon';
  const command = role === 'lifeboat' ? 'the lifeboat' : `"immune ${role}"`;
  const who = isWatchdog ? 'the watchdog, which has not taken commands yet' : command;
  return new UserError(
    'busy',
    `nothing was changed: process ${pid} (${role}) is at work since ${clockTime(since)}: ${who}`,
    {
      hint: isWatchdog
        ? `immune status, and then immune ${again}`
        : `immune ${again}, once process ${pid} has ended`,
      exitCode: exitCodes.busy,
    },
  );
}
