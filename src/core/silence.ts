import type { Cause } from './cause.ts';

/** Causes of one and the same silence: learning more of it does not begin it anew. */
export function isSilence(cause: Cause): boolean {
  return cause === 'hung' || cause === 'descriptors' || cause === 'memory-runaway';
}
