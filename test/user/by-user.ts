import { test } from 'vitest';

/** In the title of each case that is left to an ordinary user. */
const mark = '(as an ordinary user)';

/**
 * A case that means nothing to root, to whom every mode is readable: where root runs the tests it is not there, and
 * `npm run test:user` runs it as the user it makes.
 */
export function byUser(title: string, work: () => Promise<void> | void): void {
  if (process.getuid?.() !== 0) test(`${title} ${mark}`, work);
}
