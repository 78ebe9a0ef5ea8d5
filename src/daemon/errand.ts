import { millis, seconds } from '../core/time.ts';
import { carryOut } from './carry-out.ts';
import type { Answer, Request } from './commands.ts';
import { quietDesk } from './quiet-desk.ts';
import { openWatch, type WatchParts } from './watch.ts';

/** An action that is still in flight at the end: its outcome is waited for so long, and written down. */
const endWithinMs = seconds(5);
/** The held connection may take so long to be accepted before the first look is taken without it. */
const connectWithinMs = seconds(2);
const pollMs = millis(50);

export type Ask = (request: Request) => Promise<Answer>;

type ErrandEnd<T> =
  | { readonly kind: 'done'; readonly result: T }
  /** The signal came first. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly because: string };

/**
 * The watchdog for one piece of work: its journal, state, looks and hands, and nothing of what it would do by itself. No
 * cron, no command folder and no heartbeat, for nobody is here to stay. The caller holds the lease.
 */
export async function runErrand<T>(
  parts: WatchParts & { readonly role: string; readonly signal: AbortSignal },
  work: (ask: Ask) => Promise<T>,
): Promise<ErrandEnd<T>> {
  const { log, role, clock: wall, signal } = parts;
  const manner = {
    mode: 'observe',
    wait: true,
    beat: async () => undefined,
    openAlerts: async () => quietDesk,
  } as const;
  const opened = await openWatch(parts, manner);
  if ('kind' in opened) return opened;
  const { loop, clock, rules, guard, packages, link } = opened;
  await opened.takeUp();
  link.refresh();
  log.info(`"${role}" does the work of the watchdog in its absence (process ${process.pid})`);
  const connectBy = wall.elapsed() + connectWithinMs;
  while (link.client.evidence().kind === 'connecting' && wall.elapsed() < connectBy)
    await wall.sleep(pollMs, signal);
  const over = new AbortController();
  // First the work, so that the first look is the one it asks for.
  const working = work((request) =>
    carryOut(request, loop, {
      clock,
      rules,
      trials: guard.trials,
      packages: packages.hands,
      port: opened.port,
    }),
  );
  const looking = loop.run(over.signal);
  try {
    const done = working.then((result) => ({ kind: 'done' as const, result }));
    return await Promise.race([done, aborted(signal)]);
  } finally {
    // Else the next life of the watchdog counts what is in flight as interrupted.
    const waited = new AbortController();
    await Promise.race([loop.exclusive(async () => undefined), wall.sleep(endWithinMs, waited.signal)]);
    waited.abort();
    over.abort();
    await looking;
    await opened.close(`"${role}" has ended`);
  }
}

function aborted(signal: AbortSignal): Promise<{ readonly kind: 'interrupted' }> {
  return new Promise((resolve) => {
    const stop = (): void => resolve({ kind: 'interrupted' });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
