import { dirname, join } from 'node:path';
import { candidatesOf } from '../core/rollback-order.ts';
import type { Millis } from '../core/time.ts';
import type { Run } from '../system/run.ts';
import { treeName } from '../system/tree-name.ts';
import type { KeptRecord } from '../vault/kept.ts';
import type { PlanDraft } from '../vault/plans.ts';
import {
  configHashOf,
  type RecordedFile,
  type SnapshotEntry,
  type SnapshotStore,
} from '../vault/snapshot.ts';
import { type LiveConfig, livePathOf, mainName, readLive, strayOf } from './config-set.ts';
import { type FullPlan, planFull } from './full-plan.ts';
import { type MinimalPlan, planMinimal } from './minimal-plan.ts';
import { newestContents, readSnapshots } from './newest-contents.ts';
import { draftOf, type SnapshotOnHand } from './plan-draft.ts';
import { adviceOf, blameWords, wantedWords } from './plan-words.ts';
import { createJudge, type Issues, type Judge, type JudgePlace } from './staged-judge.ts';
import type { Blame } from './suspects.ts';

export interface PlanPlace extends JudgePlace {
  /** The installed OpenClaw. */
  readonly version: string | null;
}

export interface PlanParts {
  readonly place: PlanPlace;
  readonly store: Pick<SnapshotStore, 'list' | 'read'>;
  readonly kept: () => Promise<readonly KeptRecord[]>;
  readonly run: Run;
  readonly timeoutMs: Millis;
  readonly signal: AbortSignal;
}

/** What a look has found out about the config; null for a command that has not looked. */
export interface Seen {
  readonly hash: string | null;
  readonly isClobbered: boolean;
  /** The validator's words on this very content. */
  readonly issues: Issues | null;
}

/** How the plan came about, for a person. Keys and the validator's words without values. */
export interface Explanation {
  /** What is wrong with the config in place. */
  readonly issues: Issues;
  /** The keys held to be at fault, and why. */
  readonly blamed: readonly { readonly key: string; readonly because: string }[];
  /** Runs of OpenClaw's validator. */
  readonly runs: number;
  readonly snapshot: SnapshotEntry | null;
  /** Security settings that are newer than the snapshot and stay. */
  readonly carried: readonly string[];
  /** Edits made since the snapshot that a full rollback drops, by key. */
  readonly dropped: readonly string[];
  /** Snapshots that will not do, and why. */
  readonly tried: readonly string[];
}

export type PlanOutcome =
  | { readonly kind: 'ready'; readonly draft: PlanDraft; readonly explain: Explanation }
  /** OpenClaw takes the config in place as it is. */
  | { readonly kind: 'sound'; readonly explain: Explanation }
  | {
      readonly kind: 'unavailable';
      readonly because: string;
      /** The validator could not be asked: another answer may come without any change. */
      readonly again: boolean;
      readonly explain: Explanation;
    }
  /** The config changed meanwhile. */
  | { readonly kind: 'overtaken' };

/** Snapshots looked through: months of edits. */
const maxListed = 500;

/** Works out what to put in the place of a config that OpenClaw refuses. Changes nothing. Throws when aborted. */
export async function planRollback(parts: PlanParts, seen: Seen | null): Promise<PlanOutcome> {
  try {
    return await plan(parts, seen);
  } catch (error) {
    // Thousands of brackets within each other overflow the stack somewhere: a fault of the file, and none of ours.
    if (!(error instanceof RangeError)) throw error;
    return tooDeep(parts.place.configPath);
  }
}

async function plan(parts: PlanParts, seen: Seen | null): Promise<PlanOutcome> {
  const { place, store } = parts;
  const judge = createJudge(place, parts);
  const first = readLive(place, null);
  if (seen !== null && seen.hash !== first.hash) return { kind: 'overtaken' };
  if (first.isTooDeep) return tooDeep(place.configPath);
  if (seen !== null && seen.issues !== null) judge.seed(first.texts, seen.issues);
  const listing = await store.list(maxListed);
  const entries = listing.kind === 'listed' ? listing.entries : [];
  const candidates = await readSnapshots(store, candidatesOf(entries, liveHash(first, place.configPath)));
  const size = candidates[0]?.texts.get(mainName)?.length;
  const live = size === undefined ? first : readLive(place, { bytes: size });
  if (live.hash !== first.hash) return { kind: 'overtaken' };
  const scene: Scene = { parts, judge, live, seen, entries, candidates };
  const outcome = await choose(scene, listing.kind === 'failed' ? listing.because : listing.problem);
  return readLive(place, null).hash === live.hash ? outcome : { kind: 'overtaken' };
}

interface Scene {
  readonly parts: PlanParts;
  readonly judge: Judge;
  readonly live: LiveConfig;
  readonly seen: Seen | null;
  readonly entries: readonly SnapshotEntry[];
  readonly candidates: readonly SnapshotOnHand[];
}

async function choose(scene: Scene, problem: string | null): Promise<PlanOutcome> {
  const { parts, judge, live, candidates, entries } = scene;
  const { place } = parts;
  const isReadable = live.parses && !isClobbered(scene);
  const told = { scene, blames: [] as readonly Blame[] };
  if (live.verdict.kind === 'unknown')
    return unavailable(told, { because: live.verdict.because, again: true });
  const stray = strayOf(place.configPath, live.texts);
  if (stray !== null)
    return unavailable(told, {
      because: `the config includes ${stray}, which lies beside the real file that ${place.configPath} is a link to, and by another way than through the link`,
      again: false,
    });
  const kept = (await parts.kept()).filter(
    ({ state, replaced }) => state === 'undone' && replaced === live.hash,
  );
  // A person who runs a command decides anew.
  const wanted = scene.seen === null || live.hash === null ? undefined : kept.find(isWanted);
  if (wanted !== undefined) return unavailable(told, { because: wantedWords(wanted), again: false });
  const [best] = candidates;
  if (best === undefined) {
    // A command wants to hear what is wrong even where nothing can be restored.
    const verdict = scene.seen === null && isReadable ? await judge.judge(live.texts) : null;
    if (verdict?.kind === 'valid') return { kind: 'sound', explain: explain(told) };
    const none = entries.some(({ label }) => label === 'verified')
      ? 'no verified snapshot differs from the config in place'
      : `no verified snapshot of the config is kept${problem === null ? '' : ` (${problem})`}`;
    return unavailable(told, { because: none, again: problem !== null });
  }
  const hash = liveHash(live, place.configPath);
  const contents = await newestContents({
    place,
    store: parts.store,
    live: isReadable ? live : null,
    recorded: entries.filter(({ configHash }) => !isReadable || configHash !== hash),
    best,
  });
  if (contents.kind === 'untold') return unavailable(told, { because: contents.because, again: true });
  const { newest } = contents;
  const undone = new Set(kept.filter(isUnhelpful).map(({ planId }) => planId));
  let minimal: MinimalPlan | null = null;
  if (isReadable) {
    minimal = await planMinimal({
      place,
      judge,
      live: live.texts,
      lost: live.lost,
      snapshot: best.texts,
      newest,
    });
    if (minimal.kind === 'sound') return { kind: 'sound', explain: explain(told) };
    if (minimal.kind === 'refused')
      return unavailable({ scene, blames: minimal.blames }, { because: minimal.because, again: false });
    if (minimal.kind === 'found') {
      const draft = draftOf({ place, live, snapshot: best, texts: minimal.texts, keys: minimal });
      const plan = { draft, snapshot: best.entry, blames: minimal.blames };
      if (!undone.has(draft.id)) return { kind: 'ready', draft, explain: explain({ scene, ...plan }) };
    }
  }
  const full = await planFull({
    ...scene,
    place,
    version: place.version,
    newest,
    undone,
    base: newest[0]?.texts ?? null,
  });
  const blames = minimal?.blames ?? [];
  if (full.kind === 'none') return unavailable({ scene, blames, full }, full);
  return {
    kind: 'ready',
    draft: full.draft,
    explain: explain({ scene, blames, full, snapshot: full.snapshot }),
  };
}

/** Older records do not say: only the watchdog took anything back then. */
const isUnhelpful = ({ undoneFor = 'unhelpful' }: KeptRecord): boolean => undoneFor === 'unhelpful';

const isWanted = ({ undoneFor }: KeptRecord): boolean => undoneFor === 'asked' || undoneFor === 'unconfirmed';

interface Told {
  readonly scene: Scene;
  readonly blames: readonly Blame[];
  readonly full?: FullPlan;
  readonly snapshot?: SnapshotEntry;
}

function explain({ scene: { judge, live }, blames, full, snapshot }: Told): Explanation {
  const known = judge.known(live.texts);
  const own = live.verdict.kind === 'faulty' ? [{ path: '<root>', message: live.verdict.because }] : [];
  return {
    issues: known?.kind === 'invalid' ? known.issues : own,
    blamed: blames.map(blameWords),
    runs: judge.runs(),
    snapshot: snapshot ?? null,
    carried: full?.kind === 'found' ? full.carried : [],
    dropped: full?.kind === 'found' ? full.dropped : [],
    tried: full?.tried ?? [],
  };
}

const unavailable = (
  told: Told,
  { because, again }: { readonly because: string; readonly again: boolean },
): PlanOutcome => ({
  kind: 'unavailable',
  because: adviceOf(told.scene.parts.place.configPath, because),
  again,
  explain: explain(told),
});

function tooDeep(configPath: string): PlanOutcome {
  const message = `${configPath} is nested too deeply`;
  const none = { blamed: [], runs: 0, snapshot: null, carried: [], dropped: [], tried: [] };
  return {
    kind: 'unavailable',
    because: adviceOf(configPath, message),
    again: false,
    explain: { ...none, issues: [{ path: '<root>', message }] },
  };
}

const isClobbered = ({ live, seen }: Scene): boolean =>
  seen?.isClobbered === true || (live.verdict.kind === 'faulty' && live.verdict.fault === 'clobbered');

/** As the store hashes it; null where nothing could be read. */
function liveHash({ texts }: LiveConfig, configPath: string): string | null {
  if (texts.size === 0) return null;
  const folder = dirname(configPath);
  const files = [...texts].map(([name, bytes]): RecordedFile => {
    const path = livePathOf(configPath, name);
    return name === mainName
      ? { name, role: 'config', path, mode: 0, bytes }
      : { name: join('includes', treeName(folder, path)), role: 'include', path, mode: 0, bytes };
  });
  return configHashOf(files);
}
