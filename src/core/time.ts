/** Milliseconds since the Unix epoch on the wall clock: what is persisted and shown. May step either way. */
export type Instant = number & { readonly __instant: never };

/** A length of time in milliseconds. */
export type Millis = number & { readonly __millis: never };

export const instant = (ms: number): Instant => ms as Instant;
export const millis = (ms: number): Millis => ms as Millis;
export const seconds = (n: number): Millis => millis(n * 1_000);
export const minutes = (n: number): Millis => millis(n * 60_000);
export const hours = (n: number): Millis => millis(n * 3_600_000);

/** The length from `earlier` to `later`; never negative, for a wall clock that stepped back proves no time passed. */
export const since = (earlier: Instant, later: Instant): Millis => millis(Math.max(0, later - earlier));
export const plus = (at: Instant, length: Millis): Instant => instant(at + length);

/** Time is an argument everywhere; only `system/clock.ts` makes a real one. */
export interface Clock {
  /** Wall clock, for what is persisted. */
  now(): Instant;
  /** Monotonic, for lengths. On a Mac it runs on through sleep. */
  elapsed(): Millis;
  /** Resolves after `length`, or early (without an error) when the signal aborts. */
  sleep(length: Millis, signal?: AbortSignal): Promise<void>;
}
