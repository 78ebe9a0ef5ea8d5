import { createHash } from 'node:crypto';
import { type KeyChange, keyText } from '../core/config-change.ts';
import { readSource } from '../gateway/config-source.ts';
import type { PlanDraft } from '../vault/plans.ts';
import type { SnapshotEntry } from '../vault/snapshot.ts';
import { type ConfigTexts, hashOfTexts, type LiveConfig, livePathOf, mainName } from './config-set.ts';
import type { Search } from './minimal-plan.ts';
import { changeLines, shownFile, snapshotName, toldKeys } from './plan-words.ts';
import { changesBetween, idOf } from './suspects.ts';

/** A snapshot that was read: its config, and the modes its files had. */
export interface SnapshotOnHand {
  readonly entry: SnapshotEntry;
  readonly texts: ConfigTexts;
  readonly modes: ReadonlyMap<string, number>;
}

interface DraftInput {
  readonly place: { readonly configPath: string };
  readonly live: LiveConfig;
  readonly snapshot: SnapshotOnHand;
  /** The config as it is to be, whole. */
  readonly texts: ConfigTexts;
}

type Kind =
  | { readonly keys: Search }
  | {
      readonly full: {
        readonly carried: readonly string[];
        readonly dropped: readonly string[];
        readonly base: ConfigTexts | null;
      };
    };

/** Writes the plan down: the bytes of the files that change, and the words for it, which hold no value. */
export function draftOf(input: DraftInput & Kind): PlanDraft {
  const { place, live, snapshot, texts } = input;
  const there = onDisk(live, texts, place.configPath);
  const changed = [...texts].filter(([name, bytes]) => there.get(name)?.equals(bytes) !== true);
  const digest = createHash('sha256')
    .update(`${hashOfTexts(texts)}\0${live.hash ?? ''}`)
    .digest('hex');
  const common = {
    snapshot: snapshot.entry.id,
    replaces: live.hash,
    configPath: place.configPath,
    files: changed.map(([name, bytes]) => ({
      path: livePathOf(place.configPath, name),
      // A mode that kept us from reading it would keep the gateway out as well.
      mode: there.has(name) ? null : (snapshot.modes.get(name) ?? null),
      bytes,
    })),
  };
  const name = snapshotName(snapshot.entry);
  if ('keys' in input) {
    const { blames, files } = input.keys;
    const what = [...files.map(shownFile), ...blames.map(({ change }) => keyText(change.path))];
    return {
      ...common,
      id: `keys-${digest.slice(0, 12)}`,
      kind: 'keys',
      changes: changeLines(changesOf(there, texts)),
      because: `takes ${toldKeys(what)} back to the verified ${name} and keeps every other edit`,
    };
  }
  const { carried, dropped, base } = input.full;
  const stays = carried.length === 0 ? '' : `; the newer ${toldKeys(carried)} stays`;
  const goes = dropped.length === 0 ? '' : `; later edits go: ${toldKeys(dropped)}`;
  return {
    ...common,
    id: `snapshot-${snapshot.entry.id.slice(0, 8)}-${digest.slice(0, 8)}`,
    kind: 'snapshot',
    // Where the config in place cannot be read, what was in it is told by the newest that can.
    changes: changeLines(distinct([...changesOf(there, texts), ...changesOf(base ?? texts, texts)])),
    because: `puts back the whole config of the verified ${name}${stays}${goes}`,
  };
}

/** A main file that was lost names its includes no more; those that lie there unharmed need not be put back. */
function onDisk({ texts: known }: LiveConfig, wanted: ConfigTexts, configPath: string): ConfigTexts {
  const others = [...wanted.keys()].filter((name) => name !== mainName && !known.has(name));
  const found = others.flatMap((name) => {
    const source = readSource(livePathOf(configPath, name));
    return source.kind === 'read' ? [[name, source.bytes] as const] : [];
  });
  return new Map([...known, ...found]);
}

/** Edits of the newest readable content that are not in the one that is put back. */
export const droppedBy = (texts: ConfigTexts, base: ConfigTexts | null): readonly string[] =>
  base === null ? [] : changesBetween(texts, base).map(({ path }) => keyText(path));

const distinct = (changes: readonly KeyChange[]): readonly KeyChange[] => [
  ...new Map(changes.map((change) => [idOf(change), change] as const)).values(),
];

/** From what is there now to what comes. */
function changesOf(from: ConfigTexts, to: ConfigTexts): readonly KeyChange[] {
  const changes = changesBetween(from, to);
  const told = new Set(changes.map(({ file }) => file));
  const wholes = [...to]
    .filter(([file, bytes]) => !told.has(file) && from.get(file)?.equals(bytes) !== true)
    .map(([file]): KeyChange => ({ file, path: [], kind: from.has(file) ? 'changed' : 'added' }));
  return [...changes, ...wholes];
}
