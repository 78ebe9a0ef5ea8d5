import type { PlanDraft } from '../vault/plans.ts';
import type { SnapshotEntry } from '../vault/snapshot.ts';
import { carrySecurity, type NewestTexts } from './carry-security.ts';
import type { ConfigTexts, LiveConfig } from './config-set.ts';
import { draftOf, droppedBy, type SnapshotOnHand } from './plan-draft.ts';
import { snapshotName, toldKeys } from './plan-words.ts';
import type { Judge, JudgePlace } from './staged-judge.ts';

export interface FullAsk {
  readonly place: JudgePlace;
  readonly version: string | null;
  readonly judge: Judge;
  readonly live: LiveConfig;
  /** Verified, newest first. */
  readonly candidates: readonly SnapshotOnHand[];
  /** See `carrySecurity`. */
  readonly newest: readonly NewestTexts[];
  /** Plans that did not help with this very config. */
  readonly undone: ReadonlySet<string | null>;
  /** The newest content that can be read: what the rollback would take away is told against it. */
  readonly base: ConfigTexts | null;
}

export type FullPlan =
  | {
      readonly kind: 'found';
      readonly draft: PlanDraft;
      readonly snapshot: SnapshotEntry;
      readonly carried: readonly string[];
      readonly dropped: readonly string[];
      readonly tried: readonly string[];
    }
  | {
      readonly kind: 'none';
      readonly because: string;
      readonly again: boolean;
      readonly tried: readonly string[];
    };

/** Looks for the newest verified snapshot that can be put back as a whole. */
export async function planFull(ask: FullAsk): Promise<FullPlan> {
  const tried: string[] = [];
  let again = false;
  for (const snapshot of ask.candidates) {
    const attempt = await attemptOf(ask, snapshot);
    if (attempt.kind === 'found') return { ...attempt, snapshot: snapshot.entry, tried };
    again ||= attempt.again;
    tried.push(`${snapshotName(snapshot.entry)}: ${attempt.because}`);
  }
  return { kind: 'none', because: `no verified snapshot will do: ${tried.join('; ')}`, again, tried };
}

type Attempt =
  | Pick<Extract<FullPlan, { readonly kind: 'found' }>, 'kind' | 'draft' | 'carried' | 'dropped'>
  | { readonly kind: 'not'; readonly because: string; readonly again: boolean };

async function attemptOf(ask: FullAsk, snapshot: SnapshotOnHand): Promise<Attempt> {
  const { place, judge, live, newest, undone } = ask;
  const not = (because: string, again = false): Attempt => ({ kind: 'not', because, again });
  const carried = await carrySecurity({ place, restored: snapshot.texts, newest });
  if (carried.kind === 'failed') return not(carried.because);
  const { texts, keys } = carried;
  const dropped = droppedBy(texts, ask.base);
  const draft = draftOf({ place, live, snapshot, texts, full: { carried: keys, dropped, base: ask.base } });
  if (draft.files.length === 0) return not('it does not differ from the config in place');
  if (undone.has(draft.id)) return not('it did not help before');
  const judged = await judge.judge(texts);
  const found: Attempt = { kind: 'found', draft, carried: keys, dropped };
  const isProven = keys.length === 0 && ask.version !== null && snapshot.entry.openclaw === ask.version;
  switch (judged.kind) {
    case 'valid':
      return found;
    case 'unknown':
      // The very version that is installed has booted with exactly this content.
      return isProven ? found : not(judged.because, true);
    case 'spent':
      return not('there was no time left to validate it');
    case 'invalid': {
      const kept = keys.length === 0 ? '' : `with the newer ${toldKeys(keys)}, which stays, `;
      const where = judged.issues.map(({ path }) => path);
      return not(`${kept}OpenClaw refuses it for ${toldKeys(where)}`);
    }
    default:
      return judged satisfies never;
  }
}
