import fc from 'fast-check';
import type { KeyPath } from '../../src/core/config-change.ts';

/** A JSON5 document before it is printed; keys may come twice, as in a hand-written file. */
export type Doc =
  | { readonly kind: 'scalar'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly Doc[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, Doc])[] };

const keys = ['a', 'b', 'gateway', '$include', 'x y', '0', '__proto__', 'constructor', 'ö', 'quo"te'];
const scalars = [
  '1',
  '-0',
  '0',
  'NaN',
  '-Infinity',
  '0x1F',
  '.5',
  '+2',
  'null',
  'true',
  "'it, {x}'",
  '"// no"',
  "'two\\\nlines'",
];

const { doc } = fc.letrec<{ doc: Doc; object: Doc; array: Doc; scalar: Doc }>((tie) => ({
  doc: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('scalar'), tie('object'), tie('array')),
  scalar: fc.constantFrom(...scalars).map((text) => ({ kind: 'scalar', text })),
  array: fc.array(tie('doc'), { maxLength: 4 }).map((items) => ({ kind: 'array', items })),
  object: fc
    .array(fc.tuple(fc.constantFrom(...keys), tie('doc')), { maxLength: 5 })
    .map((members) => ({ kind: 'object', members })),
}));

/** A config as such: an object on top. */
export const config: fc.Arbitrary<Doc> = fc
  .array(fc.tuple(fc.constantFrom(...keys), doc), { maxLength: 6 })
  .map((members) => ({ kind: 'object', members }));

/** The choices of one hand: how keys are quoted, what stands between tokens, which line ends. */
export const hand = fc.record({
  seeds: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 40 }),
  eol: fc.constantFrom('\n', '\r\n'),
  mark: fc.boolean(),
  comments: fc.boolean(),
});

export interface Printed {
  readonly text: string;
  /** Each comment with the path of the member or entry it stands in. */
  readonly comments: readonly { readonly words: string; readonly within: KeyPath }[];
}

export function print(
  top: Doc,
  { seeds, eol, mark, comments: wantsComments }: Awaited<ReturnType<typeof hand.generate>>['value'],
  name: string,
): Printed {
  const comments: { words: string; within: KeyPath }[] = [];
  let turn = 0;
  const pick = (count: number): number => {
    turn += 1;
    return ((seeds[turn % seeds.length] ?? 0) + Math.floor(turn / seeds.length)) % count;
  };
  const blank = (): string => ['', ' ', `${eol}  `, '\t'][pick(4)] ?? '';
  const gap = (within: KeyPath): string => {
    if (!wantsComments || pick(3) > 0) return blank();
    const id = `${name}${comments.length};`;
    const words = pick(2) === 0 ? `/* ${id} } ] , */` : `// ${id} "{ ,`;
    comments.push({ words, within });
    return `${blank()}${words}${words.startsWith('//') ? eol : blank()}`;
  };
  const key = (text: string): string => {
    const form = pick(3);
    if (form === 0 && /^[a-z$_ö]+$/i.test(text)) return text;
    return form === 1 && !text.includes("'") ? `'${text}'` : JSON.stringify(text);
  };
  const list = (
    within: KeyPath,
    parts: readonly string[],
    [open, close]: readonly [string, string],
  ): string => {
    const body = parts
      .map((part, index) => {
        const isLast = index === parts.length - 1;
        return `${gap(within)}${part}${gap(within)}${isLast && pick(2) === 0 ? '' : ','}`;
      })
      .join('');
    return `${open}${body}${gap(within)}${close}`;
  };
  const value = (node: Doc, at: KeyPath): string => {
    switch (node.kind) {
      case 'scalar':
        return node.text;
      case 'array':
        return list(
          at,
          node.items.map((item, index) => value(item, [...at, index])),
          ['[', ']'],
        );
      case 'object':
        return list(
          at,
          node.members.map(([name, item]) => {
            const own = [...at, name];
            return `${key(name)}${gap(own)}:${gap(own)}${value(item, own)}`;
          }),
          ['{', '}'],
        );
      default:
        return node satisfies never;
    }
  };
  // Behind the value first: a line comment there must not swallow it.
  const text = `${mark ? '\uFEFF' : ''}${gap([])}${value(top, [])}${gap([])}`;
  return { text, comments };
}
