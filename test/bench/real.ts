// The part of the bench that needs a real OpenClaw; test/bench/run.ts starts it, as an unprivileged user.
//   node test/bench/real.ts MINUTES
import { rmSync } from 'node:fs';
import { runFolder } from '../real/places.ts';
import { endProcessesOfHome } from '../real/processes.ts';
import { renderSection } from './figures.ts';
import { waitServing } from './ground.ts';
import { measureIdle } from './idle.ts';
import { measureProbes } from './probe-cost.ts';
import { realGround } from './real-ground.ts';
import { measureRounds } from './rounds.ts';

const minutes = Number(process.argv[2] ?? '3');
const rounds = 3;
/** A boot of 12 s, on a busy machine several times that. */
const bootTimeoutMs = 180_000;

const run = runFolder();
try {
  const ground = await realGround();
  try {
    console.log(renderSection(await measureRounds(ground, { rounds, bootTimeoutMs })));
    await waitServing(ground, bootTimeoutMs);
    console.log(renderSection(measureProbes(ground, ground.rivals)));
    if (minutes > 0) console.log(renderSection(await measureIdle(ground, minutes)));
  } finally {
    await ground.close();
  }
} finally {
  await endProcessesOfHome(run);
  rmSync(run, { recursive: true, force: true });
}
