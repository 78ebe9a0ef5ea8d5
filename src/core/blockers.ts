import { configBlocker } from './blocker-config.ts';
import { packageBlocker } from './blocker-package.ts';
import { surroundingsBlockers } from './blocker-surroundings.ts';
import type { Cause } from './cause.ts';
import type { Confidence, Look } from './look.ts';

/** Something that keeps a start of the gateway from succeeding, whatever launchd does. */
export interface Blocker {
  readonly cause: Cause;
  readonly confidence: Confidence;
  readonly because: string;
  /** What it is called while the gateway serves on: the next start would fail. Null: not worth a word then. */
  readonly latent: { readonly cause: Cause; readonly because: string } | null;
  readonly mend: /** No repair may touch it. */
    | { readonly kind: 'person' }
    /** The gateway is mending it by itself while it starts. */
    | { readonly kind: 'itself' }
    | { readonly kind: 'reinstall' | 'rollback'; readonly remedy: string; readonly replaces: string | null }
    /** What it could be mended with is being worked out. */
    | { readonly kind: 'pending'; readonly because: string }
    /** A rung claims it and has nothing to do it with: `because` says what a person can type. */
    | { readonly kind: 'not-available'; readonly because: string };
  /** Not before it has looked like this for so long: somebody may be at work on it. */
  readonly settled: boolean;
}

/**
 * Everything that blocks a start, in the order it must be mended: what no repair may touch first (a repair would be
 * wasted on it), then the package, then the config, because judging a config needs the package.
 */
export function blockers(look: Look): readonly Blocker[] {
  return [...surroundingsBlockers(look), packageBlocker(look), configBlocker(look)].filter(
    (found) => found !== null,
  );
}
