/** Beyond this many edits a word is another word, not a slip of the finger. */
const maxEdits = 2;

/** The known word that was probably meant, or null. */
export function suggest(word: string, known: readonly string[]): string | null {
  const wanted = word.toLowerCase();
  let best: string | null = null;
  let bestEdits = maxEdits + 1;
  for (const candidate of known) {
    const edits = editDistance(wanted, candidate.toLowerCase());
    // In a short word two edits may change everything.
    if (edits < bestEdits && edits < Math.max(2, Math.ceil(candidate.length / 2))) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** Insertions, deletions, replacements, and swaps of neighbours, each counted once. Stops early at long words. */
function editDistance(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > maxEdits) return maxEdits + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const replace = one[row - 1] === other[column - 1] ? 0 : 1;
      let edits = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + replace,
      );
      if (row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]) {
        edits = Math.min(edits, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] ?? maxEdits + 1;
}
