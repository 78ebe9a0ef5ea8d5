import type { ManifestEntry } from './manifest.ts';
import type { Found } from './tree-walk.ts';

/** `rewritten`: of the right size, and written at another time: its bytes are in doubt. */
type Verdict = 'same' | 'rewritten' | 'truncated' | 'altered';

/** What a time that was set anew loses on its way through the seconds of a file system's interface. */
const timeStepMs = 2;
const ownerBits = 0o500;
const allBits = 0o555;

/** What a look without reading tells of an entry. */
export function compareEntry(entry: ManifestEntry, { kind, stats, target }: Found): Verdict {
  switch (entry.kind) {
    case 'file':
      if (kind !== 'file') return 'altered';
      if (stats.size !== entry.size) return stats.size < entry.size ? 'truncated' : 'altered';
      if (losesMode(entry.mode, stats)) return 'altered';
      return Math.abs(stats.mtimeMs - entry.mtimeMs) < timeStepMs ? 'same' : 'rewritten';
    case 'link':
      return kind === 'link' && target === entry.target ? 'same' : 'altered';
    case 'directory':
      return kind === 'directory' && !losesMode(entry.mode, stats) ? 'same' : 'altered';
    default:
      return entry satisfies never;
  }
}

/**
 * Whether it can no longer be read or executed as it could. Of one's own files the owner's bits decide: those of others
 * go with the umask of whoever installed. What a file gained does no harm.
 */
function losesMode(recorded: number, { mode, uid }: Found['stats']): boolean {
  const bits = uid === process.getuid?.() ? ownerBits : allBits;
  return (recorded & bits & ~mode) !== 0;
}
