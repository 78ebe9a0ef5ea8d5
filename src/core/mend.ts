import type { Blocker } from './blockers.ts';
import type { GroundEvidence } from './ground-evidence.ts';

/** What a blocker is mended with, as the look for a remedy answered. */
export function mendWith(
  remedy: GroundEvidence['rollback'],
  to: { readonly ready: (id: string) => Blocker['mend']; readonly unread: string },
): Blocker['mend'] {
  switch (remedy.kind) {
    case 'ready':
      return to.ready(remedy.id);
    case 'pending':
      return { kind: 'pending', because: remedy.because };
    case 'unavailable':
    case 'unknown':
      return { kind: 'not-available', because: remedy.because };
    case 'unread':
      return { kind: 'not-available', because: to.unread };
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return remedy satisfies never;
  }
}
