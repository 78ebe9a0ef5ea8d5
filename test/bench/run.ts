// What the watchdog costs and how fast it is, measured on this machine.
//   npm run bench -- [--minutes N] [--real-minutes N] [--rounds N] [--skip-real]
import { rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runCommand } from '../real/commands.ts';
import { newestVersion } from '../real/places.ts';
import { endProcessesOfHome } from '../real/processes.ts';
import { copyCheckout, runAsUser, type TestUser, testUser } from '../real/unprivileged.ts';
import { measureArchives } from './archives.ts';
import { measureDecisions } from './decisions.ts';
import { load, machine, renderSection } from './figures.ts';
import { label, practiceGround } from './ground.ts';
import { measureIdle } from './idle.ts';
import { measureProbes } from './probe-cost.ts';
import { isCached } from './real-ground.ts';
import { measureRounds } from './rounds.ts';
import { measureSnapshots } from './snapshots.ts';
import { measureStatus } from './status-cost.ts';

const { values } = parseArgs({
  options: {
    // A multiple of three: the deep probe comes every third minute.
    minutes: { type: 'string', default: '6' },
    'real-minutes': { type: 'string', default: '3' },
    rounds: { type: 'string', default: '10' },
    'skip-real': { type: 'boolean', default: false },
  },
});
const bootoutTimeoutMs = 30_000;
const checkout = fileURLToPath(new URL('../..', import.meta.url));

if (process.platform !== 'linux') {
  console.log('The bench reads /proc, which only Linux has: nothing was measured.');
  process.exit(1);
}

console.log(`${new Date().toISOString()}, ${machine()}, load average ${load()}\n`);
await practicePart();
if (values['skip-real']) console.log('SKIPPED: the real gateway (--skip-real)\n');
else await realPart();
console.log(`${new Date().toISOString()}, load average ${load()}`);

async function practicePart(): Promise<void> {
  const ground = await practiceGround();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, async () => {
      // Everything the bench starts has its home in that folder.
      await endProcessesOfHome(ground.root);
      rmSync(ground.root, { recursive: true, force: true });
      process.exit(130);
    });
  }
  try {
    console.log(renderSection(await measureIdle(ground, Number(values.minutes))));
    console.log(renderSection(measureProbes(ground, [])));
    console.log(renderSection(measureDecisions()));
    console.log(renderSection(await measureSnapshots()));
    const archives = await measureArchives();
    if (archives !== null) console.log(renderSection(archives));
    console.log(renderSection(await measureRounds(ground, { rounds: Number(values.rounds) })));
    const target = `gui/${process.getuid?.() ?? 0}/${label}`;
    const options = { env: {}, cwd: ground.root, timeoutMs: bootoutTimeoutMs };
    await runCommand(ground.launchctl, ['bootout', target], options);
    console.log(renderSection(measureStatus(ground)));
  } finally {
    await ground.close();
  }
}

/** OpenClaw is run by an ordinary user: as root, by the one of the real tests, whose cache it is. */
async function realPart(): Promise<void> {
  const root = process.getuid?.() === 0;
  // The user is asked for only when its cache is there: the bench adds no user to the machine.
  if (!isCached(root ? '/home/immune-test' : homedir())) {
    console.log(
      `SKIPPED: OpenClaw ${newestVersion} is not in the cache; "npm run test:real" puts it there\n`,
    );
    return;
  }
  const user: TestUser | null = root ? testUser() : null;
  const args = ['test/bench/real.ts', values['real-minutes']];
  if (user === null) {
    const { execPath } = process;
    const ended = await runCommand(execPath, args, {
      env: Object.fromEntries(Object.entries(process.env).map(([key, value]) => [key, value ?? ''])),
      cwd: checkout,
      timeoutMs: 3_600_000,
    });
    console.log(ended.stdout, ended.stderr);
    return;
  }
  const folder = copyCheckout(checkout, user);
  try {
    await runAsUser({ user, folder }, args);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
