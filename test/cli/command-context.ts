import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../../src/cli/context.ts';
import { resolvePaths } from '../../src/config/paths.ts';
import { systemClock } from '../../src/system/clock.ts';

export interface TestContext {
  readonly context: Context;
  /** Everything written to standard output so far. */
  readonly written: () => string;
  readonly interrupt: () => void;
  readonly remove: () => Promise<void>;
}

/** A context over a fresh folder, as `main.ts` would make it. */
export async function testContext(): Promise<TestContext> {
  const home = await mkdtemp(join(tmpdir(), 'immune-cli-'));
  const paths = resolvePaths({ home, layout: 'macos', env: {} });
  await mkdir(paths.logs, { recursive: true });
  const controller = new AbortController();
  let text = '';
  const out = { write: (piece: string) => (text += piece) };
  return {
    context: {
      paths,
      layout: 'macos',
      clock: systemClock(),
      env: {},
      uid: 501,
      out,
      err: out,
      signal: controller.signal,
    },
    written: () => text,
    interrupt: () => controller.abort(),
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
