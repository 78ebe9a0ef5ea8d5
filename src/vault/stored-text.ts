/** A name that is one step of a path and nothing else: no separator, no hidden file, no way up. */
export const isPlainName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/.test(name);

export type JsonRecord = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A file of our own that is read back: null for anything that is no JSON object. */
export function parseRecord(text: string): JsonRecord | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    // Cut off or edited: not a record of ours any more, and the caller says so.
    return null;
  }
}

export const isHash = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

export const isMode = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o7777;

export const isTextOrNull = (value: unknown): value is string | null =>
  value === null || typeof value === 'string';

export const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');
