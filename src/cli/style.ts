import { styleText } from 'node:util';

/** Paints a few words, or leaves them plain. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
}

const plain = (text: string): string => text;
export const plainStyle: Style = { good: plain, bad: plain, faint: plain };

const colourStyle: Style = {
  good: (text) => styleText('green', text, { validateStream: false }),
  bad: (text) => styleText('red', text, { validateStream: false }),
  faint: (text) => styleText('dim', text, { validateStream: false }),
};

/** Colour only where a person looks at it and has not said no (no-color.org: any value but the empty one). */
export function styleFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return stream.isTTY === true && !refused ? colourStyle : plainStyle;
}
