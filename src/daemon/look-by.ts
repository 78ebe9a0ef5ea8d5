import type { Evidence } from '../core/evidence.ts';
import { type Clock, millis } from '../core/time.ts';
import type { Loop } from './loop.ts';

/** A deep look taken now; null when there was none in time: a loop that ends meanwhile answers nobody. */
export async function lookBy(
  deadline: number,
  { clock, loop }: { readonly clock: Clock; readonly loop: Pick<Loop, 'deepen'> },
): Promise<Evidence | null> {
  const settled = new AbortController();
  const left = millis(Math.max(0, deadline - clock.elapsed()));
  try {
    return await Promise.race([loop.deepen(), clock.sleep(left, settled.signal).then(() => null)]);
  } finally {
    settled.abort();
  }
}
