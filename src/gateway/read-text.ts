import { readFileSync } from 'node:fs';

/** The whole text of a file; null when it is missing or unreadable. Whoever needs the file says what that means. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Missing or unreadable are one answer here: it tells nothing.
    return null;
  }
}
