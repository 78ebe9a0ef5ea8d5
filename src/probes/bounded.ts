import type { Clock, Millis } from '../core/time.ts';

/** Asked, and the answer proves nothing. */
export interface Doubt {
  readonly kind: 'unknown';
  readonly because: string;
}

export interface Question<T> {
  /** What is looked at, as a sentence calls it. */
  readonly what: string;
  readonly limitMs: Millis;
  readonly ask: () => Promise<T>;
  /** The answer where there is none. */
  readonly doubt: (doubt: Doubt) => T;
}

/**
 * Asks questions that may throw or hang, and always gets an answer in time. One that hangs (a dead network volume) is
 * not asked again until it has come back: else each look would leave one more of them behind.
 */
export function createBounded(clock: Clock): <T>(question: Question<T>) => Promise<T> {
  const hanging = new Set<string>();
  return async ({ what, limitMs, ask, doubt }) => {
    const unknown = (because: string) => doubt({ kind: 'unknown', because });
    if (hanging.has(what)) return unknown(`the last look at ${what} has not come back`);
    hanging.add(what);
    const settled = new AbortController();
    const answer = Promise.resolve()
      .then(ask)
      .catch((error: unknown) =>
        unknown(`${what} could not be read: ${error instanceof Error ? error.message : String(error)}`),
      )
      .finally(() => hanging.delete(what));
    const late = clock
      .sleep(limitMs, settled.signal)
      .then(() => unknown(`a look at ${what} took longer than ${limitMs} ms`));
    return Promise.race([answer, late]).finally(() => settled.abort());
  };
}
