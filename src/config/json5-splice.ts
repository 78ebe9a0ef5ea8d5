import {
  type Splice,
  type Tree,
  type TreeItem,
  type TreeValue,
  tokenBefore,
  tokenFrom,
} from './json5-tree.ts';

/**
 * Takes an item out with its comma, and with the line it leaves empty. Comments around it stay: an orphaned one does
 * no harm, and nobody can tell for certain whose it was.
 */
export function removal(tree: Tree, container: TreeValue, item: TreeItem): readonly Splice[] {
  const { text } = tree;
  const comma = commaAfter(tree, item.end);
  const previous = container.items[container.items.indexOf(item) - 1];
  if (comma === null && previous !== undefined) {
    // The last one without a comma: then the one before it must not keep its own, or strict JSON becomes JSON5.
    const before = commaAfter(tree, previous.end) ?? previous.end;
    if (isBlank(text.slice(before + 1, item.start))) return [cut(before, item.end)];
    return [cut(before, before + 1), wholeLine(text, item.start, item.end)];
  }
  if (comma === null) return [wholeLine(text, item.start, item.end)];
  if (isBlank(text.slice(item.end, comma))) return [wholeLine(text, item.start, comma + 1)];
  return [wholeLine(text, item.start, item.end), cut(comma, comma + 1)];
}

/** Puts `entry(indent)` behind the last item of a container, in the manner of the ones that are there. */
export function insertion(
  tree: Tree,
  container: TreeValue,
  entry: (indent: string | null) => string,
): readonly Splice[] {
  const { text } = tree;
  const tail = tokenBefore(tree, container.end - 1);
  const at = tail?.end ?? container.start + 1;
  const last = container.items.at(-1);
  const eol = eolOf(text);
  const around = lineIndent(text, container.start);
  const inside = `${around}${indentUnit(text)}`;
  if (last === undefined) {
    if (!text.includes('\n') && tail?.kind !== 'line-comment')
      return [{ start: at, end: at, text: ` ${entry(null)} ` }];
    const isClosed = /^[ \t]*\r?\n/.test(text.slice(at, container.end));
    return [
      { start: at, end: at, text: `${eol}${inside}${entry(inside)}${isClosed ? '' : `${eol}${around}`}` },
    ];
  }
  const indent = startsLine(text, last.start)
    ? lineIndent(text, last.start)
    : tail?.kind === 'line-comment'
      ? inside
      : null;
  const lead = indent === null ? ' ' : `${eol}${indent}`;
  if (commaAfter(tree, last.end) !== null) return [{ start: at, end: at, text: `${lead}${entry(indent)},` }];
  if (at === last.end) return [{ start: at, end: at, text: `,${lead}${entry(indent)}` }];
  return [
    { start: last.end, end: last.end, text: ',' },
    { start: at, end: at, text: `${lead}${entry(indent)}` },
  ];
}

export const eolOf = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');

/** What the text indents its first level with. */
export const indentUnit = (text: string): string => /[{[]\r?\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';

function commaAfter(tree: Tree, offset: number): number | null {
  const token = tokenFrom(tree, offset);
  return token?.kind === 'comma' ? token.start : null;
}

const cut = (start: number, end: number): Splice => ({ start, end, text: '' });
const isBlank = (text: string): boolean => /^\s*$/.test(text);
const lineStart = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1;
const startsLine = (text: string, offset: number): boolean =>
  offset > 0 && /^[ \t]*$/.test(text.slice(lineStart(text, offset), offset));
const lineIndent = (text: string, offset: number): string =>
  /^[ \t]*/.exec(text.slice(lineStart(text, offset), offset))?.[0] ?? '';

/** The span, with the line break where it leaves no more than blanks of its lines, or else with the blanks beside it. */
function wholeLine(text: string, start: number, end: number): Splice {
  const [blanks = '', eol = ''] = /^[ \t]*(\r?\n)?/.exec(text.slice(end)) ?? [];
  if (eol === '') return cut(start, end + blanks.length);
  if (startsLine(text, start)) return cut(lineStart(text, start), end + blanks.length);
  return cut(start - (/[ \t]*$/.exec(text.slice(0, start))?.[0].length ?? 0), end);
}
