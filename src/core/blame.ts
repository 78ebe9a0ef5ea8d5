import type { KeyChange, KeyPath } from './config-change.ts';

/** What the validator says: keys joined by dots, `<root>` for all of it. */
interface Issue {
  readonly path: string;
  readonly message: string;
}

/** Where the content of an included file stands in the config as a whole. */
export interface Mount {
  readonly file: string;
  readonly at: KeyPath;
}

/**
 * The changes that the validator's issues point at, in the order of the changes; empty means that nothing can be told.
 * An unrecognized key within something that was added or changed as a whole is blamed alone, by a longer path.
 * The validator speaks of the merged config; `mounts` says where a file other than the main one stands in it.
 */
export function blamed(
  changes: readonly KeyChange[],
  issues: readonly Issue[],
  mounts: readonly Mount[] = [],
): readonly KeyChange[] {
  const accused = issues.flatMap(accusedBy);
  return changes.flatMap((change) => {
    const places = mounts.filter(({ file }) => file === change.file);
    const bases = places.length === 0 ? [''] : places.map(({ at }) => at.join('.'));
    const found = bases.flatMap((base) =>
      accused.flatMap((text) => suspectsIn(change, joined(base, change.path.join('.')), text)),
    );
    return found.includes(change) ? [change] : distinct(found);
  });
}

/** A place in the config; `name` is its last key where that one is not known there, else all within it is meant. */
interface Accused {
  readonly text: string;
  readonly name: string | null;
}

const root = '<root>';
const unrecognized = /Unrecognized keys?: (.*)$/s;

function accusedBy({ path, message }: Issue): readonly Accused[] {
  const base = path === root ? '' : path;
  const names = namesIn(message);
  if (names.length > 0) return names.map((name) => ({ text: joined(base, name), name }));
  // The whole config as a suspect would say nothing of any change in it.
  return base === '' ? [] : [{ text: base, name: null }];
}

/** The keys the message names; none where it names none or was cut off within one. */
function namesIn(message: string): readonly string[] {
  const list = unrecognized.exec(message)?.[1] ?? '';
  if ((list.match(/"/g) ?? []).length % 2 === 1) return [];
  return Array.from(list.matchAll(/"([^"]*)"/g), ([, name]) => String(name));
}

const joined = (base: string, rest: string): string =>
  base === '' || rest === '' ? `${base}${rest}` : `${base}.${rest}`;

/**
 * OpenClaw 2026.9 reads `agents.list` into `agents.entries` before it judges, and names an agent by its id, which says
 * nothing of its position: what it says of one agent is held against that key of each.
 */
const entry = /^agents\.entries\.[^.]+/;
const listed = /^agents\.list\.\d+/;

/** Compared as text: a key may itself hold a dot ("gpt-4.1"), and the validator does not say where one ends. */
function suspectsIn(change: KeyChange, at: string, accused: Accused): readonly KeyChange[] {
  const position = listed.exec(at)?.[0];
  const text = position === undefined ? accused.text : accused.text.replace(entry, position);
  if (text === at || at.startsWith(`${text}.`)) return [change];
  // Which of the two it holds, and which position in the list it is, cannot be told from here.
  if (entry.test(text) && /^(?:agents(?:\.list)?)?$/.test(at)) return [change];
  const below = at === '' ? text : text.startsWith(`${at}.`) ? text.slice(at.length + 1) : null;
  if (below === null) return [];
  const { name } = accused;
  if (name === null) return [change];
  // What is gone cannot hold the key that is one too many, and half of that key's name is another key.
  if (change.kind === 'removed' || below.length < name.length) return [];
  const between = below.slice(0, -name.length).split('.').slice(0, -1);
  // "openai/gpt-4.1": where one key ends and the next begins is a guess, and a wrong one would lead nowhere.
  if (!between.every((key) => /^[\w$-]+$/.test(key))) return [change];
  return [{ ...change, path: [...change.path, ...between.map(stepOf), name] }];
}

/** Positions of a list come as bare numbers; longer ones are identifiers, which some channels use as keys. */
const stepOf = (text: string): string | number => (/^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : text);

function distinct(changes: readonly KeyChange[]): readonly KeyChange[] {
  return [...new Map(changes.map((change) => [JSON.stringify(change.path), change])).values()];
}
