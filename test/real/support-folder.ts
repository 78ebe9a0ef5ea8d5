import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedNode } from './openclaw-cache.ts';
import { checkout } from './places.ts';

export interface Support {
  /** Give it to Node with `--require`: OpenClaw then takes the code paths of a Mac. */
  readonly fakeMac: string;
  /** Holds `launchctl` and `plutil`. */
  readonly bin: string;
}

/** Lays out the doubles one OpenClaw process sees: the preload, and `bin/` with plutil and this launchctl (or a quiet one). */
export function makeSupport(folder: string, launchctl: readonly string[] = quietLaunchctl(folder)): Support {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const fakeMac = join(folder, 'fake-mac.cjs');
  copyFileSync(join(checkout, 'test/real/support/fake-mac.cjs'), fakeMac);
  writeScript(join(bin, 'launchctl'), launchctl);
  writeScript(join(bin, 'plutil'), [cachedNode(), join(checkout, 'test/real/support/plutil.ts')]);
  return { fakeMac, bin };
}

const quietLaunchctl = (folder: string): readonly string[] => [
  '/bin/sh',
  join(checkout, 'test/real/support/quiet-launchctl.sh'),
  join(folder, 'loaded'),
];

function writeScript(path: string, command: readonly string[]): void {
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  writeFileSync(path, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
}
