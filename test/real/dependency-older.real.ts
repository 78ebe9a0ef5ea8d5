import { inOneWorld } from './config-cases.ts';
import { recoveries } from './dependency-cases.ts';
import { packageFaults } from './dependency-faults.ts';
import { makeDependencyWorld, showDependencies } from './dependency-world.ts';
import { olderVersion } from './places.ts';

// The version before has no list of contents and never parks itself. Without --all three faults are made on it.

const everything = process.env['OPENCLAW_IMMUNE_TEST_ALL'] !== undefined;

inOneWorld(
  `dependency recovery on ${olderVersion}, waits and budgets shortened`,
  { make: () => makeDependencyWorld(olderVersion), show: showDependencies },
  new Map(recoveries(packageFaults.filter(({ smoke }) => everything || smoke === true))),
);
