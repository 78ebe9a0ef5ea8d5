import { beginBisect, nextTrial, noteTrial } from '../core/bisect.ts';
import type { Mount } from '../core/blame.ts';
import type { KeyChange, KeyPath } from '../core/config-change.ts';
import { isSecurityKey } from '../core/security-keys.ts';
import { carrySecurity } from './carry-security.ts';
import { type ConfigTexts, hashOfTexts, mountsOf, parsedOf, valueAt, withKeysOf } from './config-set.ts';
import type { Issues, Judge, Judgement, JudgePlace } from './staged-judge.ts';
import { type Blame, changesBetween, idOf, includersOf, type Suspects, suspectsOf } from './suspects.ts';

export interface MinimalAsk {
  readonly place: JudgePlace;
  readonly judge: Judge;
  readonly live: ConfigTexts;
  /** Includes that cannot be used, by name. */
  readonly lost: readonly string[];
  /** The newest verified snapshot's config. */
  readonly snapshot: ConfigTexts;
  /** See `carrySecurity`; the live config first. */
  readonly newest: readonly ConfigTexts[];
}

/** What is to go back, and why. */
export interface Search {
  readonly blames: readonly Blame[];
  /** Whole files, by name. */
  readonly files: readonly string[];
}

export type MinimalPlan = Search &
  (
    | { readonly kind: 'found'; readonly texts: ConfigTexts }
    /** Nothing is wrong with the live config. */
    | { readonly kind: 'sound' }
    /** The fault is in security settings, which are never taken from a snapshot. */
    | { readonly kind: 'refused'; readonly refused: readonly KeyChange[] }
    | { readonly kind: 'none' }
  );

interface Scene extends MinimalAsk {
  readonly changes: readonly KeyChange[];
  readonly mounts: readonly Mount[];
}

/** The validator's answer to one attempt may name more keys; what it names after these is searched for instead. */
const maxRounds = 3;
/** Far above what `maxRuns` allows: trials that our own reading ends cost no run. */
const maxTrials = 12;
/** Runs that stay for the full rollback. */
const forFull = 1;

/** Looks for the fewest keys of the live config that have to go back to the snapshot's value to make it valid. */
export async function planMinimal(ask: MinimalAsk): Promise<MinimalPlan> {
  const scene: Scene = {
    ...ask,
    changes: changesBetween(ask.snapshot, ask.live),
    mounts: mountsOf(ask.place.configPath, ask.live),
  };
  let search: Search = { blames: [], files: [] };
  let verdict = await ask.judge.judge(ask.live, forFull);
  if (verdict.kind === 'valid') return { kind: 'sound', ...search };
  for (let round = 0; round < maxRounds; round += 1) {
    if (verdict.kind !== 'invalid') return { kind: 'none', ...search };
    const accused = accusedIn(scene, verdict.issues, round === 0);
    const refused = accused.certain
      .filter((blame) => isUntouchable(scene, blame))
      .map(({ change }) => change);
    const next = joined(search, accused);
    if (refused.length > 0) return { kind: 'refused', ...next, refused };
    if (accused.among.length > 0) return bisect(scene, next, accused.among);
    if (next.blames.length === search.blames.length && next.files.length === search.files.length) break;
    search = next;
    const tried = await tryOut(scene, search);
    if (tried.kind === 'found') return tried;
    verdict = tried.verdict;
  }
  const everything = scene.changes.map((change) => ({ change, because: 'without this change it is valid' }));
  return bisect(scene, { blames: [], files: search.files }, everything);
}

function accusedIn(scene: Scene, issues: Issues, isFirst: boolean): Suspects & Pick<Search, 'files'> {
  if (!isFirst || scene.lost.length === 0) return { ...suspectsOf(scene, issues), files: [] };
  const files = scene.lost.filter((name) => scene.snapshot.has(name));
  if (files.length === scene.lost.length) return { certain: [], among: [], files };
  // The snapshot knows no such file: then the key that asks for it is one too many.
  const because = issues[0]?.message ?? 'it includes a file that cannot be used';
  const certain = includersOf(scene).map((change) => ({ change, because }));
  return { certain, among: [], files };
}

function joined(
  search: Search,
  { certain, files }: Pick<Suspects, 'certain'> & Pick<Search, 'files'>,
): Search {
  const blames = new Map([...search.blames, ...certain].map((blame) => [idOf(blame.change), blame] as const));
  return { blames: [...blames.values()], files: [...new Set([...search.files, ...files])] };
}

/** A security setting stays as it is, unless the validator does not know it and the snapshot never had it. */
function isUntouchable({ mounts, snapshot }: Scene, { change, because }: Blame): boolean {
  if (!isSecurityKey(placeOf(mounts, change))) return false;
  const isUnknown = /Unrecognized keys?: "/.test(because);
  return !isUnknown || valueAt(parsedOf(snapshot, change.file), change.path).found;
}

/** Where in the whole config a key of a file stands. */
const placeOf = (mounts: readonly Mount[], { file, path }: KeyChange): KeyPath => [
  ...(mounts.find((mount) => mount.file === file)?.at ?? []),
  ...path,
];

/** Searches among the changes for those that have to go, beside those that go anyway. */
async function bisect(scene: Scene, base: Search, among: readonly Blame[]): Promise<MinimalPlan> {
  const pool = among.filter(({ change }) => !isSecurityKey(placeOf(scene.mounts, change)));
  const withSome = (some: readonly Blame[]): Search => joined(base, { certain: some, files: [] });
  const found = new Map<string, MinimalPlan>();
  let search = beginBisect(pool.length, Math.max(0, scene.judge.left() - forFull));
  for (let trial = 0; trial < maxTrials; trial += 1) {
    const step = nextTrial(search);
    if (step.kind === 'found') return found.get(step.restore.join()) ?? { kind: 'none', ...withSome(among) };
    if (step.kind === 'gave-up') break;
    const tried = await tryOut(scene, withSome(pool.filter((_, index) => step.restore.includes(index))));
    if (tried.kind === 'found') found.set(step.restore.join(), tried);
    else if (tried.verdict.kind !== 'invalid') return { kind: 'none', ...withSome(among) };
    search = noteTrial(search, tried.kind === 'found');
  }
  // More than one is at fault: all of them together still keep every other edit.
  const all = pool.length > 1 ? await tryOut(scene, withSome(pool)) : null;
  return all?.kind === 'found' ? all : { kind: 'none', ...withSome(among) };
}

type Tried =
  | Extract<MinimalPlan, { readonly kind: 'found' }>
  | { readonly kind: 'not-valid'; readonly verdict: Judgement };

/** A candidate that could not even be made: nothing was learned of the config. */
const unmade: Tried = { kind: 'not-valid', verdict: { kind: 'invalid', issues: [] } };

async function tryOut(scene: Scene, search: Search): Promise<Tried> {
  const { place, judge, live, snapshot, mounts } = scene;
  const changes = search.blames.map(({ change }) => change);
  const files = search.files.flatMap((name) => {
    const bytes = snapshot.get(name);
    return bytes === undefined ? [] : [[name, bytes] as const];
  });
  const edited = withKeysOf(live, snapshot, changes);
  if (edited === null) return unmade;
  const carried = await carrySecurity({
    place,
    restored: new Map([...edited, ...files]),
    newest: scene.newest,
    // A key that stands within a security setting is one that OpenClaw does not know (see `isUntouchable`): it goes.
    within: [
      ...changes.map((change) => placeOf(mounts, change)),
      ...search.files.map((file) => placeOf(mounts, { file, path: [], kind: 'changed' })),
    ],
  });
  if (carried.kind === 'failed' || hashOfTexts(carried.texts) === hashOfTexts(live)) return unmade;
  const verdict = await judge.judge(carried.texts, forFull);
  return verdict.kind === 'valid'
    ? { kind: 'found', ...search, texts: carried.texts }
    : { kind: 'not-valid', verdict };
}
