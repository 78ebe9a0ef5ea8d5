/** A snapshot as far as the choice among them goes. */
interface Entry {
  readonly id: string;
  readonly label: 'recorded' | 'verified' | 'bad';
  readonly configHash: string;
}

/** Each one further back loses more of the user's edits, and costs a run of the validator. */
const maxCandidates = 5;

/**
 * What a rollback may go back to: verified contents, newest first, each once. `entries` are newest first too. A content
 * that was found bad is none, whatever another snapshot of it is labelled; neither is the one that is in place.
 */
export function candidatesOf<T extends Entry>(entries: readonly T[], liveHash: string | null): readonly T[] {
  const bad = new Set(entries.filter(({ label }) => label === 'bad').map(({ configHash }) => configHash));
  const seen = new Set(liveHash === null ? [] : [liveHash]);
  const found: T[] = [];
  for (const entry of entries) {
    if (entry.label !== 'verified' || bad.has(entry.configHash) || seen.has(entry.configHash)) continue;
    seen.add(entry.configHash);
    found.push(entry);
    if (found.length === maxCandidates) break;
  }
  return found;
}
