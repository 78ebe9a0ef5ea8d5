import json5 from 'json5';

export type Json5Result =
  | { readonly kind: 'ok'; readonly value: unknown }
  /** `line` and `column` count from 1; null where the parser names no place. */
  | {
      readonly kind: 'invalid';
      readonly because: string;
      readonly line: number | null;
      readonly column: number | null;
    };

const numberOr = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** Parses JSON5 text, as OpenClaw reads its config. The message never repeats more of the text than one character. */
export function parseJson5(text: string): Json5Result {
  try {
    // A byte order mark is not JSON5, but editors write it and OpenClaw's reader strips it too.
    const value: unknown = json5.parse(text.replace(/^\uFEFF/, ''));
    return { kind: 'ok', value };
  } catch (error) {
    const place = error as { readonly lineNumber?: unknown; readonly columnNumber?: unknown };
    const because = error instanceof Error ? error.message.replace(/^JSON5: /, '') : String(error);
    return {
      kind: 'invalid',
      because,
      line: numberOr(place.lineNumber),
      column: numberOr(place.columnNumber),
    };
  }
}
