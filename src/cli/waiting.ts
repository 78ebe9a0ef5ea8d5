import { millis, seconds } from '../core/time.ts';
import type { Context } from './context.ts';
import { createProgress } from './progress.ts';

const everyMs = millis(250);
/** What is done sooner needs no words. */
const saidAfterMs = seconds(1);

/**
 * Runs the work and says what is being waited for once it takes longer than a second: a line that counts the seconds on
 * a terminal, one plain line anywhere else, and nothing beside a JSON object.
 */
export async function waiting<T>(
  what: string,
  { context, quiet }: { readonly context: Context; readonly quiet: boolean },
  work: () => Promise<T>,
): Promise<T> {
  const { clock, err } = context;
  const progress = createProgress(context, quiet);
  const over = new AbortController();
  const from = clock.elapsed();
  const tick = async (): Promise<void> => {
    await clock.sleep(saidAfterMs, over.signal);
    if (!over.signal.aborted && !quiet && err.isTTY !== true) err.write(`${what} ...\n`);
    while (!over.signal.aborted) {
      progress.show(`${what} (${Math.round((clock.elapsed() - from) / 1_000)} s)`);
      await clock.sleep(everyMs, over.signal);
    }
  };
  const ticking = tick();
  try {
    return await work();
  } finally {
    over.abort();
    await ticking;
    progress.end();
  }
}
