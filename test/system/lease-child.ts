/** A contender for a lease, started by the lease test: says what became of it, then keeps it until told to stop. */
import { instant } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';
import { acquireLease } from '../../src/system/lease.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';

const [directory = '', ps = ''] = process.argv.slice(2);
const processes = createProcesses({ ps, run, clock: systemClock() });
const identity = await processes.own();

/** One round a line: so that contenders start at the same moment, with everything loaded. */
process.stdin.setEncoding('utf8');
process.stdout.write('ready\n');
let held: { release(): Promise<void> } | null = null;
let queue = Promise.resolve();
process.stdin.on('data', (text: string) => {
  for (const command of text.split('\n').filter((line) => line !== ''))
    queue = queue.then(() => obey(command));
});

async function obey(command: string): Promise<void> {
  if (command === 'release') {
    await held?.release();
    held = null;
    process.stdout.write('released\n');
    return;
  }
  const outcome = await acquireLease(
    directory,
    { role: 'test' },
    { now: () => instant(Date.now()), own: async () => identity, isAlive: processes.isAlive },
  );
  if (outcome.kind === 'held') held = outcome;
  process.stdout.write(`${outcome.kind === 'failed' ? outcome.because : outcome.kind}\n`);
}
