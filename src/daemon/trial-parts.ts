import type { Evidence } from '../core/evidence.ts';
import type { Policy } from '../core/policy.ts';
import type { ActionOutcome, State } from '../core/state.ts';
import type { Clock } from '../core/time.ts';
import type { LiveHash, Trial, UndoPurpose } from '../core/trial.ts';
import type { Log } from '../system/log.ts';
import type { Answer, Request } from './commands.ts';
import type { Loop } from './loop.ts';
import type { KeptState } from './trial-standing.ts';

export type ChangeRequest = Extract<Request, { readonly kind: 'apply' | 'fix-config' }>;

/** What a trial rests on: the plan, the swap, the gateway's service. All of them refuse when the world has changed. */
export interface TrialHands {
  /** The staged plan, whole; a sentence where it is none. */
  plan(
    id: string,
  ): Promise<{ readonly replaces: string | null; readonly changes: readonly string[] } | string>;
  /** Read anew: a look may carry what an earlier one saw. Never throws. */
  live(): LiveHash;
  /** Records what is there, as well as this machine can; sentences about it for the operator. */
  record(): Promise<readonly string[]>;
  /** `left`: the hash of what is in place now. */
  swap(
    planId: string,
    trial: { readonly id: string; readonly replaces: string | null },
  ): Promise<
    | { readonly kind: 'done'; readonly left: string | null }
    /** Nothing was replaced. */
    | { readonly kind: 'failed' | 'refused'; readonly because: string }
  >;
  /** For what it is taken back is kept: what a person wanted back is not rolled back again. */
  undo(id: string, why: UndoPurpose): Promise<ActionOutcome>;
  /** What the kept record of a change says. Never throws. */
  kept(id: string): Promise<KeptState>;
  /** Ends exactly this gateway (or, with null, none) and has the service manager start one. */
  restart(pid: number | null): Promise<ActionOutcome>;
}

export interface TrialParts {
  readonly stateDir: string;
  readonly quarantine: string;
  /** The loop's own clock. */
  readonly clock: Clock;
  readonly policy: () => Policy;
  readonly log: Log;
  readonly loop: Pick<Loop, 'exclusive' | 'note' | 'state' | 'nudge'>;
  readonly hands: TrialHands;
}

export interface Trials {
  /** At the start, once an interrupted swap is finished: takes up the trial that was under watch. */
  begin(): Promise<void>;
  /** After each look; returns at once. */
  onLook(state: State, evidence: Evidence): void;
  apply(request: ChangeRequest): Promise<Answer>;
  confirm(by: string): Promise<Answer>;
  undo(id: string, by: string): Promise<Answer>;
  /** The one under watch. */
  current(): Trial | null;
  /** Waits for what is at work, within a bound; a death in the middle of it is survived, too. */
  close(): Promise<void>;
}
