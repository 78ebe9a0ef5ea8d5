import { timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

/** A token or password that no log line, error text or JSON can show. Only `reveal` gives it out. */
export interface Secret {
  readonly toString: () => '[secret]';
  readonly toJSON: () => '[secret]';
}

const texts = new WeakMap<Secret, string>();
const hidden = (): '[secret]' => '[secret]';

/** Wraps the text; the object itself holds nothing, so spreading, inspecting or serialising it shows nothing. */
export function secret(text: string): Secret {
  const opaque: Secret = Object.freeze({ toString: hidden, toJSON: hidden, [inspect.custom]: hidden });
  texts.set(opaque, text);
  return opaque;
}

/** Call it only where the bytes go onto a proven connection. */
export function reveal(opaque: Secret): string {
  const text = texts.get(opaque);
  if (text === undefined) throw new TypeError('not a secret made by secret()');
  return text;
}

export function sameSecret(one: Secret, other: Secret): boolean {
  const a = Buffer.from(reveal(one));
  const b = Buffer.from(reveal(other));
  return a.length === b.length && timingSafeEqual(a, b);
}
