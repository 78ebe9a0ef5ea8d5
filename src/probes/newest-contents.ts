import { checkConfigFile } from '../gateway/config-check.ts';
import type { SnapshotEntry, SnapshotStore } from '../vault/snapshot.ts';
import type { NewestTexts } from './carry-security.ts';
import { configFilesOf, type LiveConfig, lostIn, mainName, staged } from './config-set.ts';
import type { SnapshotOnHand } from './plan-draft.ts';
import { snapshotName } from './plan-words.ts';
import type { JudgePlace } from './staged-judge.ts';

export interface NewestAsk {
  readonly place: Pick<JudgePlace, 'configPath' | 'env'>;
  readonly store: Pick<SnapshotStore, 'read'>;
  /** The live config where it can be read, as far as it can. */
  readonly live: LiveConfig | null;
  /** What is recorded beside the live config, newest first. */
  readonly recorded: readonly SnapshotEntry[];
  /** The newest snapshot that a rollback could go to. */
  readonly best: SnapshotOnHand;
}

export type NewestContents =
  | { readonly kind: 'known'; readonly newest: readonly NewestTexts[] }
  /** Something newer is recorded, and what it says of security cannot be told. */
  | { readonly kind: 'untold'; readonly because: string };

/** Contents in a row that lack an included file. The gateway starts with none of them, so they are few. */
const maxPartial = 32;

/**
 * The newest contents that can be read, newest first, down to the newest entire one: they have the say on security.
 * An included file that one has lost is taken from the next older one that has it, or left out of it.
 */
export async function newestContents(ask: NewestAsk): Promise<NewestContents> {
  const { live, recorded, best } = ask;
  const parts: Part[] = [];
  let newer = recorded.some(({ id }) => id === best.entry.id);
  let missed: SnapshotEntry | null = null;
  for (const entry of recorded) {
    newer &&= entry.id !== best.entry.id;
    const part = await partOf(entry, ask);
    if (part === 'unreadable' && newer && parts.length === 0) missed ??= entry;
    if (typeof part === 'string') continue;
    if (newer) missed = null;
    parts.push(part);
    if (part.lost.length === 0) break;
    if (parts.length >= maxPartial)
      return untold(`the newest ${parts.length} recorded configs all lack a file that they include`);
  }
  // What is entire in place needs nobody else's word.
  const isEntire = live !== null && live.lost.length === 0;
  if (!isEntire && missed !== null) return untold(`the newer ${snapshotName(missed)} cannot be read`);
  const all = live === null ? parts : [live, ...parts];
  return { kind: 'known', newest: filled(all) };
}

const untold = (why: string): NewestContents => ({
  kind: 'untold',
  because: `${why}, so the security settings of today are not known, and no older ones are put in their place`,
});

type Part = Pick<LiveConfig, 'texts' | 'lost'>;

/** What was cut off is not what anybody wanted: it has no say, nor has what it lacks been removed. */
async function partOf(
  entry: SnapshotEntry,
  { place, store, best }: NewestAsk,
): Promise<Part | 'unreadable' | 'clobbered'> {
  const [found] = await readSnapshots(store, [entry]);
  const lost = found === undefined ? null : await lostIn(place, found.texts);
  if (found === undefined || lost === null) return 'unreadable';
  const part = { texts: found.texts, lost };
  const known = { bytes: best.texts.get(mainName)?.length ?? 0 };
  const texts = filled([part])[0]?.texts ?? part.texts;
  const { verdict } = await staged(place.configPath, texts, async (path) =>
    checkConfigFile(path, place.env, known),
  );
  return verdict.kind === 'faulty' && verdict.fault === 'clobbered' ? 'clobbered' : part;
}

function filled(parts: readonly Part[]): readonly NewestTexts[] {
  const nothing = Buffer.from('{}');
  const newest: NewestTexts[] = [];
  for (const { texts, lost } of parts.toReversed()) {
    const older = newest.at(-1)?.texts ?? new Map<string, Buffer>();
    const found = lost.map((name) => [name, older.get(name) ?? nothing] as const);
    // All of the older one's, for what is lost may include more.
    const others = lost.length === 0 ? [] : [...older];
    newest.push({
      texts: new Map([...others, ...texts, ...found]),
      isWhole: found.every(([, bytes]) => bytes !== nothing),
    });
  }
  return newest.reverse();
}

/** One that cannot be read, or was altered, is passed over. */
export async function readSnapshots(
  store: NewestAsk['store'],
  entries: readonly SnapshotEntry[],
): Promise<readonly SnapshotOnHand[]> {
  const found: SnapshotOnHand[] = [];
  for (const entry of entries) {
    const read = await store.read(entry.id);
    if (read.kind === 'failed') continue;
    const files = [...configFilesOf(read.content.files)];
    const texts = new Map(files.map(([name, { bytes }]) => [name, bytes] as const));
    const modes = new Map(files.map(([name, { mode }]) => [name, mode] as const));
    if (texts.size > 0) found.push({ entry, texts, modes });
  }
  return found;
}
