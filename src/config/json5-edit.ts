import { parse, type Token, type ValueNode } from '@humanwhocodes/momoa';
import { diffValues, type KeyPath, keyText } from '../core/config-change.ts';
import { parseJson5 } from './json5.ts';
import { eolOf, indentUnit, insertion, removal } from './json5-splice.ts';
import {
  itemAt,
  type Splice,
  spliced,
  type Tree,
  type TreeItem,
  type TreeToken,
  type TreeValue,
} from './json5-tree.ts';
import { lookUp, placed } from './json5-values.ts';

export type EditOutcome =
  | {
      readonly kind: 'edited';
      readonly text: string;
      /** The paths at which the text differed from the donor. */
      readonly restored: readonly KeyPath[];
    }
  | { readonly kind: 'failed'; readonly because: string };

/** A config is kilobytes. Each key that comes or goes is a pass over it, at 2 to 3 MB a second, and the daemon waits. */
const maxTextChars = 1_048_576;
const maxWorkChars = 8_388_608;
/** No config nests so, and the work grows with the square of it. */
const maxSteps = 64;

type Failed = Extract<EditOutcome, { kind: 'failed' }>;
const failed = (because: string): Failed => ({ kind: 'failed', because });

/**
 * Sets each path of the text to what the donor has there, in the donor's own words, or removes it where the donor has
 * nothing. Every other byte stays: comments, line ends, a byte order mark, trailing commas. The result has been read
 * back and holds exactly the expected value. A path within another one needs no work of its own.
 */
export function restoreKeys(text: string, donor: string, paths: readonly KeyPath[]): EditOutcome {
  if (text.length + donor.length > maxTextChars) return failed('the text is too long to be edited');
  if (paths.some(({ length }) => length > maxSteps)) return failed('a key is nested too deeply to be edited');
  const wanted = distinctPaths(paths);
  try {
    return restore(text, donor, wanted);
  } catch (error) {
    // Thousands of brackets within each other: nothing that a gateway could read either.
    if (error instanceof RangeError) return failed('the text is nested too deeply to be edited');
    throw error;
  }
}

function restore(text: string, donor: string, paths: readonly KeyPath[]): EditOutcome {
  const parsed = parseJson5(text);
  if (parsed.kind === 'invalid') return failed(`the text is no JSON5: ${parsed.because}`);
  const given = parseJson5(donor);
  if (given.kind === 'invalid') return failed(`the text to take from is no JSON5: ${given.because}`);
  const source = treeOf(withoutMark(donor));
  if (source === null) return failed('the text to take from uses an unusual form of JSON5');
  const different = paths.filter((path) => {
    const [here, there] = [lookUp(parsed.value, path), lookUp(given.value, path)];
    if (here === null || there === null) return here !== there;
    return diffValues(here.value, there.value, '').length > 0;
  });
  const isGone = (path: KeyPath): boolean => lookUp(given.value, path) === null;
  const isHere = (path: KeyPath): boolean => lookUp(parsed.value, path) !== null;
  const both = different.filter((path) => isHere(path) && !isGone(path));
  // Removals from the last one on, so that no position of a list moves before its turn; then what is to be added.
  const oneByOne = [
    ...different.filter(isGone).sort((one, other) => comparePaths(other, one)),
    ...different.filter((path) => !isHere(path)).sort(comparePaths),
  ];
  if (oneByOne.length * text.length > maxWorkChars)
    return failed(`${oneByOne.length} keys of so long a text are too many to be edited one by one`);
  let edited = replacePaths(withoutMark(text), source, both);
  for (const path of oneByOne) {
    if (typeof edited !== 'string') return edited;
    edited = isGone(path) ? removePath(edited, path) : addPath(edited, source, path);
  }
  if (typeof edited !== 'string') return edited;
  const restored = [...both, ...oneByOne];
  let expected = parsed.value;
  for (const path of restored) {
    const value = placed(expected, path, lookUp(given.value, path));
    if (value === null) return failed(`${keyText(path)} has no place in the text`);
    expected = value.value;
  }
  const check = parseJson5(edited);
  if (check.kind === 'invalid' || diffValues(expected, check.value, '').length > 0)
    return failed('the edited text does not hold what it should');
  return { kind: 'edited', text: `${text.slice(0, markLength(text))}${edited}`, restored };
}

const unusual = failed('the text uses an unusual form of JSON5');

/** In one pass: none of the paths is within another one. */
function replacePaths(text: string, source: Tree, paths: readonly KeyPath[]): string | Failed {
  const tree = treeOf(text);
  if (tree === null) return unusual;
  const splices: Splice[] = [];
  for (const path of paths) {
    const [own, other] = [valueAt(tree, path), valueAt(source, path)];
    if (own === undefined || other === undefined) return unusual;
    splices.push({ start: own.start, end: own.end, text: source.text.slice(other.start, other.end) });
  }
  return spliced(text, splices);
}

/** Every one of duplicate keys goes, or an earlier one would count from now on. */
function removePath(text: string, path: KeyPath): string | Failed {
  const parentPath = path.slice(0, -1);
  const step = path.at(-1);
  const first = treeOf(text);
  if (first === null || step === undefined) return unusual;
  const parent = valueAt(first, parentPath);
  const times = parent?.kind === 'object' ? parent.items.filter(({ key }) => key === String(step)).length : 1;
  if (times * text.length > maxWorkChars) return failed(`${keyText(path)} is there too often to be removed`);
  let edited = text;
  for (let time = 0; time < times; time += 1) {
    const tree = treeOf(edited);
    const container = tree === null ? undefined : valueAt(tree, parentPath);
    const item = container === undefined ? undefined : itemAt(container, step);
    if (tree === null || container === undefined || item === undefined) return unusual;
    edited = spliced(edited, removal(tree, container, item));
  }
  return edited;
}

function addPath(text: string, source: Tree, path: KeyPath): string | Failed {
  const tree = treeOf(text);
  const chain = itemsAlong(source, path);
  if (tree === null || chain === null) return unusual;
  let at = tree.root;
  for (const [index, step] of path.entries()) {
    const item = itemAt(at, step);
    if (item !== undefined) at = item.value;
    else {
      const isNext = at.kind === 'object' || (at.kind === 'array' && Number(step) === at.items.length);
      // A list that the text has not got yet can only begin with its first entry.
      const isWhole = path.slice(index + 1).every((later) => typeof later === 'string' || later === 0);
      if (!isNext || !isWhole) return failed(`${keyText(path)} has no place in the text`);
      const inList = at.kind === 'array';
      return spliced(
        text,
        insertion(
          tree,
          at,
          entryOf({ eol: eolOf(text), source, chain: chain.slice(index), inList, unit: indentUnit(text) }),
        ),
      );
    }
  }
  return unusual;
}

interface Entry {
  readonly source: Tree;
  readonly chain: readonly TreeItem[];
  readonly inList: boolean;
  /** The line ends and the step of indentation of the text it goes into. */
  readonly eol: string;
  readonly unit: string;
}

/** `key: value` in the donor's words; where parents are missing too, they come around it, a line each. */
function entryOf({ source, chain, inList, eol, unit }: Entry): (indent: string | null) => string {
  const [first, second, ...others] = chain;
  return (indent) => {
    if (first === undefined) return '';
    const key = inList ? '' : `${source.text.slice(first.start, keyEnd(source, first))}: `;
    if (second === undefined) return `${key}${source.text.slice(first.value.start, first.value.end)}`;
    const isList = second.key === null;
    const deeper = indent === null ? null : `${indent}${unit}`;
    const inner = entryOf({ source, chain: [second, ...others], inList: isList, eol, unit })(deeper);
    const [lead, trail] = indent === null ? [' ', ' '] : [`${eol}${deeper}`, `${eol}${indent}`];
    return `${key}${isList ? '[' : '{'}${lead}${inner}${trail}${isList ? ']' : '}'}`;
  };
}

/** A key is one token, and the first of its member. */
const keyEnd = ({ tokens }: Tree, item: TreeItem): number =>
  tokens.find(({ start }) => start === item.start)?.end ?? item.start;

function itemsAlong(tree: Tree, path: KeyPath): readonly TreeItem[] | null {
  const items: TreeItem[] = [];
  for (const step of path) {
    const item = itemAt(items.at(-1)?.value ?? tree.root, step);
    if (item === undefined) return null;
    items.push(item);
  }
  return items;
}

function valueAt(tree: Tree, path: KeyPath): TreeValue | undefined {
  const items = itemsAlong(tree, path);
  return items === null ? undefined : (items.at(-1)?.value ?? tree.root);
}

/** Without doubles and without what lies within another path, which brings it along. */
function distinctPaths(paths: readonly KeyPath[]): readonly KeyPath[] {
  const byText = new Map(paths.map((path) => [textOf(path), path]));
  return [...byText.values()].filter(
    (path) => !path.some((_, length) => byText.has(textOf(path.slice(0, length)))),
  );
}

/** A position and a name of the same digits are one: what they are taken in decides. */
const textOf = (path: KeyPath): string => JSON.stringify(path.map(String));

function comparePaths(one: KeyPath, other: KeyPath): number {
  const at = one.findIndex((step, index) => String(step) !== String(other[index]));
  const [a, b] = [one[at], other[at]];
  if (a === undefined || b === undefined) return one.length - other.length;
  if (Number.isNaN(Number(a)) || Number.isNaN(Number(b))) return String(a) < String(b) ? -1 : 1;
  return Number(a) - Number(b);
}

const markLength = (text: string): number => (text.startsWith('\uFEFF') ? 1 : 0);
const withoutMark = (text: string): string => text.slice(markLength(text));

/** Null where the second parser does not know a form that the first one does: a key named `null`, or `-.5`. */
function treeOf(text: string): Tree | null {
  try {
    const { body, tokens = [] } = parse(text, { mode: 'json5', ranges: true, tokens: true });
    return { text, root: placeOf(body), tokens: tokens.map(tokenOf) };
  } catch (error) {
    // Its message repeats words of the text, which may be a secret.
    if (error instanceof RangeError) throw error;
    return null;
  }
}

function placeOf(node: ValueNode): TreeValue {
  const span = { start: node.loc.start.offset, end: node.loc.end.offset };
  switch (node.type) {
    case 'Object':
      return {
        kind: 'object',
        ...span,
        items: node.members.map(({ name, value }) => ({
          key: name.type === 'String' ? name.value : name.name,
          start: name.loc.start.offset,
          end: value.loc.end.offset,
          value: placeOf(value),
        })),
      };
    case 'Array':
      return {
        kind: 'array',
        ...span,
        items: node.elements.map(({ value }) => {
          const inner = placeOf(value);
          return { key: null, start: inner.start, end: inner.end, value: inner };
        }),
      };
    default:
      return { kind: 'scalar', ...span, items: [] };
  }
}

function tokenOf({ type, loc }: Token): TreeToken {
  const span = { start: loc.start.offset, end: loc.end.offset };
  switch (type) {
    case 'Comma':
      return { kind: 'comma', ...span };
    case 'LineComment':
      return { kind: 'line-comment', ...span };
    case 'BlockComment':
      return { kind: 'block-comment', ...span };
    default:
      return { kind: 'other', ...span };
  }
}
