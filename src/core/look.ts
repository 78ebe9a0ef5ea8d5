import type { Cause } from './cause.ts';
import type { Evidence } from './evidence.ts';
import type { Policy } from './policy.ts';
import type { ActionStep, State } from './state.ts';
import type { Instant, Millis } from './time.ts';

/** What decisions are made by, besides state and evidence. */
export interface Rules {
  readonly policy: Policy;
  /** `observe` decides and tells, and never acts. */
  readonly mode: 'act' | 'observe';
  /** The service manager's label of the gateway. */
  readonly label: string;
}

/** One look at the world, with what is remembered and the rules: the input of every row of the cause table. */
export interface Look {
  readonly evidence: Evidence;
  readonly state: State;
  readonly now: Instant;
  readonly rules: Rules;
}

/** How sure a cause is: by a check that excludes the others, by signs that agree, or by one sign alone. */
export type Confidence = 'certain' | 'likely' | 'weak';

/** One cause that holds, with its proof. */
export interface Finding {
  readonly cause: Cause;
  readonly confidence: Confidence;
  readonly because: string;
}

interface Named {
  readonly cause: Cause;
  readonly because: string;
}

export type Diagnosis =
  | (Named & { readonly stance: 'ready'; readonly notes: readonly string[] })
  /** The gateway or its service manager is on it: nothing to do. `opens`: an incident all the same. */
  | (Named & { readonly stance: 'wait'; readonly opens: boolean })
  /** Nothing may be done while this holds. */
  | (Named & {
      readonly stance: 'hands-off';
      readonly endsIncident?: boolean;
      readonly needsPerson?: boolean;
    })
  /** Something is wrong and a repair claims it, once it has held for `dueAfterMs`. */
  | (Named & {
      readonly stance: 'failing';
      readonly step: ActionStep | null;
      /** One look is proof enough: it rests on files, which do not waver. */
      readonly proven?: boolean;
      /** When it began, if the evidence proves an earlier moment than this look. */
      readonly since?: Instant;
      /** Up to when the evidence proves it, if that is earlier than now. */
      readonly until?: Instant;
      readonly opensAfterMs: Millis;
      readonly dueAfterMs: Millis;
    })
  /** Something is wrong that no repair may touch: tell, after `dueAfterMs`. */
  | (Named & { readonly stance: 'untouchable'; readonly dueAfterMs: Millis })
  | (Named & { readonly stance: 'unknown' });

/** What the whole table says of one look: the leading diagnosis, and everything else that holds. */
export interface Assessment {
  readonly lead: Diagnosis;
  readonly also: readonly Finding[];
}
