import { beginBisect, nextTrial, noteTrial } from '../core/bisect.ts';
import type { KeyChange } from '../core/config-change.ts';
import { isHarmlessSwitch } from '../core/security-carry.ts';
import { isSecurityKey } from '../core/security-keys.ts';
import { carrySecurity, type NewestTexts } from './carry-security.ts';
import {
  type ConfigTexts,
  hashOfTexts,
  mainName,
  mergedOf,
  mountsOf,
  parsedOf,
  valueAt,
  withKeysOf,
} from './config-set.ts';
import { refusalWords } from './plan-words.ts';
import type { Issues, Judge, Judgement, JudgePlace } from './staged-judge.ts';
import { type Blame, changesBetween, idOf, includersOf, type Suspects, suspectsOf } from './suspects.ts';
import { guardsOf, placeOf, type Sides } from './taken-guards.ts';

export interface MinimalAsk {
  readonly place: JudgePlace;
  readonly judge: Judge;
  readonly live: ConfigTexts;
  /** Includes that cannot be used, by name. */
  readonly lost: readonly string[];
  /** The newest verified snapshot's config. */
  readonly snapshot: ConfigTexts;
  /** See `carrySecurity`; the live config first. */
  readonly newest: readonly NewestTexts[];
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
    /** The fault is in security settings, which are never taken from a snapshot, or may be. */
    | { readonly kind: 'refused'; readonly because: string }
    | { readonly kind: 'none' }
  );

interface Scene extends MinimalAsk, Sides {
  readonly changes: readonly KeyChange[];
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
    // With an include that is lost there is no whole to look at.
    whole: {
      live: (await mergedOf(ask.place, ask.live)) ?? parsedOf(ask.live, mainName),
      snapshot: await mergedOf(ask.place, ask.snapshot),
    },
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
    if (refused.length > 0) return { kind: 'refused', ...next, because: refusalWords(refused) };
    const { doubt } = guardsOf(
      scene,
      accused.certain.map(({ change }) => change),
    );
    if (doubt !== null) return { kind: 'refused', ...next, because: doubt };
    if (accused.among.length > 0) return bisect(scene, next, accused.among);
    if (next.blames.length === search.blames.length && next.files.length === search.files.length) break;
    search = next;
    const tried = await tryOut(scene, search);
    if (tried.kind !== 'not-valid') return tried;
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
function isUntouchable({ live, mounts, snapshot }: Scene, { change, because }: Blame): boolean {
  if (!isSecurityKey(placeOf(mounts, change))) return false;
  const before = valueAt(parsedOf(snapshot, change.file), change.path);
  const now = valueAt(parsedOf(live, change.file), change.path);
  if (change.path.at(-1) === 'enabled' && before.found && now.found)
    return !isHarmlessSwitch(before.value, now.value);
  const isUnknown = /Unrecognized keys?: "/.test(because);
  return !isUnknown || before.found;
}

/** Searches among the changes for those that have to go, beside those that go anyway. */
async function bisect(scene: Scene, base: Search, among: readonly Blame[]): Promise<MinimalPlan> {
  const pool = among.filter(({ change }) => !isSecurityKey(placeOf(scene.mounts, change)));
  const withSome = (some: readonly Blame[]): Search => joined(base, { certain: some, files: [] });
  const found = new Map<string, Fitting>();
  let search = beginBisect(pool.length, Math.max(0, scene.judge.left() - forFull));
  for (let trial = 0; trial < maxTrials; trial += 1) {
    const step = nextTrial(search);
    if (step.kind === 'found') return found.get(step.restore.join()) ?? { kind: 'none', ...withSome(among) };
    if (step.kind === 'gave-up') break;
    const tried = await tryOut(scene, withSome(pool.filter((_, index) => step.restore.includes(index))));
    if (tried.kind !== 'not-valid') found.set(step.restore.join(), tried);
    else if (tried.verdict.kind !== 'invalid') return { kind: 'none', ...withSome(among) };
    search = noteTrial(search, tried.kind !== 'not-valid');
  }
  // More than one is at fault: all of them together still keep every other edit.
  const all = pool.length > 1 ? await tryOut(scene, withSome(pool)) : null;
  return all !== null && all.kind !== 'not-valid' ? all : { kind: 'none', ...withSome(among) };
}

/** OpenClaw takes it; refused where it may be more open than was meant. */
type Fitting = Extract<MinimalPlan, { readonly kind: 'found' | 'refused' }>;

type Tried = Fitting | { readonly kind: 'not-valid'; readonly verdict: Judgement };

/** A candidate that could not even be made: nothing was learned of the config. */
const unmade: Tried = { kind: 'not-valid', verdict: { kind: 'invalid', issues: [] } };

async function tryOut(scene: Scene, search: Search): Promise<Tried> {
  const { place, judge, live, snapshot, mounts } = scene;
  const changes = search.blames.map(({ change }) => change);
  const files = search.files.flatMap((name) => {
    const bytes = snapshot.get(name);
    return bytes === undefined ? [] : [[name, bytes] as const];
  });
  const guards = guardsOf(scene, changes);
  const edited = withKeysOf(live, snapshot, [...changes, ...guards.blames.map(({ change }) => change)]);
  if (edited === null) return unmade;
  const carried = await carrySecurity({
    place,
    restored: new Map([...edited, ...files]),
    newest: scene.newest,
    // A key that stands within a security setting is one that OpenClaw does not know (see `isUntouchable`): it goes.
    within: [
      ...changes.map((change) => placeOf(mounts, change)),
      ...search.files.map((file) => placeOf(mounts, { file, path: [] })),
    ],
  });
  if (carried.kind === 'failed') {
    const { because } = carried;
    return carried.isDoubt ? { kind: 'refused', ...search, because } : unmade;
  }
  if (hashOfTexts(carried.texts) === hashOfTexts(live)) return unmade;
  const verdict = await judge.judge(carried.texts, forFull);
  if (verdict.kind !== 'valid') return { kind: 'not-valid', verdict };
  if (guards.doubt !== null) return { kind: 'refused', ...search, because: guards.doubt };
  return { kind: 'found', ...joined(search, { certain: guards.blames, files: [] }), texts: carried.texts };
}
