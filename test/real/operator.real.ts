import { inOneWorld } from './config-cases.ts';
import { type DependencyWorld, showDependencies } from './dependency-world.ts';
import { makeOperatorWorld, operatorCases } from './operator-cases.ts';
import { newestVersion } from './places.ts';

// One command over ssh, with the watchdog stopped.

inOneWorld<DependencyWorld>(
  `the operator's tool on ${newestVersion}, the watchdog stopped, waits and budgets shortened`,
  { make: () => makeOperatorWorld(newestVersion), show: showDependencies },
  new Map(operatorCases()),
);
