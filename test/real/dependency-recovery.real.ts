import type { Act } from './config-cases.ts';
import { inOneWorld } from './config-cases.ts';
import { recoveries } from './dependency-cases.ts';
import { packageFaults } from './dependency-faults.ts';
import { besideTheWatchdog, firstArchive, latent, silent, withoutTheWatchdog } from './dependency-hands.ts';
import { type DependencyWorld, makeDependencyWorld, showDependencies } from './dependency-world.ts';
import { newestVersion } from './places.ts';

// A gateway whose installed package went bad, and a watchdog that acts: out of its own archive and without a network the
// package is what it was, byte for byte, and it serves again.

inOneWorld(
  `dependency recovery on ${newestVersion}, waits and budgets shortened`,
  { make: () => makeDependencyWorld(newestVersion), show: showDependencies },
  new Map<string, Act<DependencyWorld>>([
    [
      'the first archive comes by itself after the first healthy generation (soakMs 4 s) and holds every file',
      firstArchive,
    ],
    ...recoveries(packageFaults),
    [
      'grammy deleted under a gateway that serves: the next deep probe finds it, and it is mended without a restart',
      latent,
    ],
    ['one flipped byte, same size and time: the full check names it, and fix-deps puts it right', silent],
    [
      'fix-deps beside the watchdog shows its plan, makes it, undo takes it back, and it is made again',
      besideTheWatchdog,
    ],
    ['the same with the watchdog stopped: launchd then starts the gateway', withoutTheWatchdog],
  ]),
);
