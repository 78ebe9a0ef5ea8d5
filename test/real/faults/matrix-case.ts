import { setTimeout as sleep } from 'node:timers/promises';
import { lookedFor, type Mark, markNow } from '../acts.ts';
import { told } from '../watching.ts';
import type { Ending, Fault } from './fault.ts';
import type { MatrixRow } from './matrix-rows.ts';
import { calm, type MatrixWorld } from './matrix-world.ts';
import { revive } from './revive.ts';
import { endingsSince, firstNamedAt, namedSince } from './watched.ts';

/** Two relaunches of launchd, two boots and the validator, on a machine that is busy with another file. */
const diagnosisTimeoutMs = 240_000;
const pollMs = 250;
/** Where the right thing is to do nothing, nothing must be done for longer than any shortened patience lasts. */
const quietMs = 10_000;

/** Puts the fault into a calm world, waits until the watchdog has made up its mind, takes it away again. */
export async function tryFault(world: MatrixWorld, fault: Fault): Promise<MatrixRow> {
  const { gateway, watchdog } = world;
  const before = { mark: await calm(world, await gateway.waitServing()), injectedAt: Date.now() };
  if (fault.unseen === true) await order(watchdog, 'pause');
  // Paused it tells all the same, and what it has told by the time it goes on it does not tell again.
  const mark = fault.unseen === true ? markNow(gateway, watchdog) : before.mark;
  const undo = await fault.inject(gateway);
  const since = { mark, injectedAt: fault.unseen === true ? Date.now() : before.injectedAt };
  if (fault.unseen === true) await order(watchdog, 'resume');
  if (fault.deep === true) await watchdog.immune('check');
  const row = await (async () => {
    try {
      await decided(world, fault, since.mark);
      return read(world, fault, since);
    } finally {
      await undo();
    }
  })();
  await calm(world, await revive(gateway, fault));
  return row;
}

async function order(watchdog: MatrixWorld['watchdog'], what: 'pause' | 'resume'): Promise<void> {
  const answer = await watchdog.immune(what);
  if (answer.code !== 0) throw new Error(`immune ${what} ended with ${answer.code}: ${answer.stderr}`);
}

/** Until it has named a right cause and come to a right end, or the time is over. */
async function decided({ watchdog }: MatrixWorld, fault: Fault, mark: Mark): Promise<void> {
  const end = performance.now() + diagnosisTimeoutMs;
  while (performance.now() < end) {
    const namedAt = firstNamedAt(watchdog, mark, fault.causes);
    const ended = endingsSince(watchdog, mark).some(({ how }) => fault.ends.includes(how));
    if (namedAt !== null && ended) return;
    if (namedAt !== null && fault.ends.includes('nothing')) {
      // A gateway that has come back, and whose incident is closed, is through with it.
      if (fault.heals !== true) return lookedFor(watchdog, quietMs);
      if (isHealthy(watchdog, namedAt)) return;
    }
    await sleep(pollMs);
  }
}

function isHealthy(watchdog: MatrixWorld['watchdog'], since: number): boolean {
  const status = watchdog.statusFile();
  if (status === null) return false;
  const { at, state } = told(status);
  return at > since && state.phase.kind === 'healthy';
}

/** What stands in the journal now. */
function read(
  { gateway, watchdog }: MatrixWorld,
  fault: Fault,
  { mark, injectedAt }: { readonly mark: Mark; readonly injectedAt: number },
): MatrixRow {
  const endings = endingsSince(watchdog, mark);
  const named = namedSince(watchdog, mark);
  const right = endings.filter(({ how }) => fault.ends.includes(how));
  // Beside a gateway that serves several things may be told; an alert comes once.
  const decisive =
    right.find(({ causes }) => causes.some((cause) => fault.causes.includes(cause))) ??
    right[0] ??
    endings.at(-1);
  const quiet = named.find((cause) => fault.causes.includes(cause)) ?? named.at(-1) ?? 'nothing';
  const ends: readonly Ending[] =
    endings.length === 0 ? ['nothing'] : [...new Set(endings.map(({ how }) => how))];
  const namedAt = firstNamedAt(watchdog, mark, fault.causes);
  return {
    version: gateway.version,
    fault: fault.name,
    expected: fault.causes,
    allowed: [...fault.ends, ...(fault.before ?? [])],
    diagnosed: decisive === undefined ? [quiet] : decisive.causes,
    besides: decisive?.besides.filter((cause) => !fault.causes.includes(cause)) ?? [],
    ends,
    named,
    said: endings.map(({ text }) => text),
    namedAfterMs: namedAt === null ? null : Math.max(0, namedAt - injectedAt),
    endedAfterMs: decisive === undefined ? null : Math.max(0, decisive.at - injectedAt),
  };
}
