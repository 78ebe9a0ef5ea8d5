/** A piece of text: from the first character to the one behind the last. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** A value of a JSON5 text with its place. */
export interface TreeValue extends Span {
  readonly kind: 'object' | 'array' | 'scalar';
  readonly items: readonly TreeItem[];
}

/** A member of an object or an entry of a list; `key` is null in a list. */
export interface TreeItem extends Span {
  readonly key: string | null;
  readonly value: TreeValue;
}

export interface TreeToken extends Span {
  readonly kind: 'comma' | 'line-comment' | 'block-comment' | 'other';
}

export interface Tree {
  readonly text: string;
  readonly root: TreeValue;
  /** Every token and comment, in the order of the text. */
  readonly tokens: readonly TreeToken[];
}

/** A replacement of a span; an insertion where the span is empty. */
export interface Splice extends Span {
  readonly text: string;
}

/** The item a step leads to. Of duplicate keys the last one counts, as for every reader of JSON5. */
export function itemAt(value: TreeValue, step: string | number): TreeItem | undefined {
  switch (value.kind) {
    case 'object':
      return value.items.findLast(({ key }) => key === String(step));
    case 'array':
      return /^\d+$/.test(String(step)) ? value.items[Number(step)] : undefined;
    case 'scalar':
      return undefined;
    default:
      return value.kind satisfies never;
  }
}

/** The first token at or behind an offset, comments left out. */
export function tokenFrom({ tokens }: Tree, offset: number): TreeToken | undefined {
  for (let index = firstFrom(tokens, offset); index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token?.kind === 'comma' || token?.kind === 'other') return token;
  }
  return undefined;
}

/** The last token or comment before an offset. */
export function tokenBefore({ tokens }: Tree, offset: number): TreeToken | undefined {
  return tokens[firstFrom(tokens, offset) - 1];
}

function firstFrom(tokens: readonly TreeToken[], offset: number): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tokens[middle]?.start ?? offset) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function spliced(text: string, splices: readonly Splice[]): string {
  // From the end, so that the places before stay where they are.
  return splices
    .toSorted((one, other) => other.start - one.start)
    .reduce(
      (whole, { start, end, text: part }) => `${whole.slice(0, start)}${part}${whole.slice(end)}`,
      text,
    );
}
