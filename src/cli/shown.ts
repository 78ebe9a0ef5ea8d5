/** Repeats at most this much of what was typed. */
const longestEcho = 60;

/** What was typed, fit to be shown: no control characters, no flood. */
export function shown(word: string): string {
  const clean = word.replace(/\p{C}/gu, '?');
  return clean.length > longestEcho ? `${clean.slice(0, longestEcho)}…` : clean;
}
