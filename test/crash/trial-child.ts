import { join } from 'node:path';
import { startSmallWatchdog } from '../fakes/small-watchdog.ts';

/**
 * A small watchdog as a process of its own that can be killed. argv: home, and what to do: `apply`, `confirm` (apply,
 * then confirm), or `guard` (only go on with what is there). It ends when no trial is under watch any more.
 */
const [home = '', act = ''] = process.argv.slice(2);
/** Long enough for the confirmation of a busy machine, short enough to be waited for. */
const confirmWithinMs = 1_500;

const watchdog = await startSmallWatchdog(
  {
    home,
    configPath: join(home, 'openclaw', 'openclaw.json'),
    stateDir: join(home, 'state'),
    quarantine: join(home, 'quarantine'),
  },
  { listens: false },
);
if (act !== 'guard') {
  const answer = await watchdog.trials.apply({
    kind: 'apply',
    staged: 'apply-1',
    restart: false,
    by: 'test',
    confirmWithinMs: act === 'confirm' ? confirmWithinMs : null,
  });
  if (!answer.ok) throw new Error(answer.text);
  if (act === 'confirm') await watchdog.trials.confirm('test');
}
await watchdog.settled();
await watchdog.stop();
