import type { GatewayHome } from '../gateway-home.ts';

/** Puts back what was broken. It need not start anything: `revive` does that for every fault. */
export type Undo = () => Promise<void> | void;

/**
 * What the watchdog does about it: a repair it announces (it only observes here), `alert` when it calls for a person,
 * `tell` when it says so once and lets it be, `nothing` when launchd, OpenClaw or the operator is on it.
 */
export type Ending =
  | 'restart'
  | 'start'
  | 'reload'
  | 'unpark'
  | 'end-orphan'
  | 'reinstall'
  | 'rollback'
  | 'alert'
  | 'tell'
  | 'nothing';

/** One way to break the real gateway: a row of the confusion matrix. */
export interface Fault {
  /** What is done to it, as a person would say it. */
  readonly name: string;
  /** The causes that are right. More than one only where two names are equally true of it. */
  readonly causes: readonly string[];
  /** What is right to do about it: one of these must come, and any other repair is a wrong one. */
  readonly ends: readonly Ending[];
  /** What the operator must be told, beyond the cause. */
  readonly says?: RegExp;
  /** What is right on the way there. */
  readonly before?: readonly Ending[];
  /** A scenario makes it on the newest version too and asserts this very name: without --all it is made there alone. */
  readonly elsewhere?: true;
  /** Left out where a fault can be made on every version. */
  readonly versions?: readonly string[];
  /** What is right on the older version, where that is something else. */
  readonly older?: Partial<Pick<Fault, 'causes' | 'ends' | 'before' | 'heals'>>;
  /** The gateway serves again without a start by the harness: by itself, or once the fault is taken away. */
  readonly heals?: true | 'once-undone';
  /** Only a deep look sees it: one comes by itself every three minutes, and here one is asked for. */
  readonly deep?: true;
  /** Made while the watchdog is paused: the way to it takes a minute and is no part of it. */
  readonly unseen?: true;
  /** The gateway serves and nothing is wrong when this is called. */
  readonly inject: (gateway: GatewayHome) => Promise<Undo> | Undo;
}

/** The running process; a fault is always put into a gateway that runs. */
export async function runningPid(gateway: GatewayHome): Promise<number> {
  const pid = await gateway.pid();
  if (pid === null) throw new Error('the gateway has no process to break');
  return pid;
}

export const nothingToUndo: Undo = () => undefined;
