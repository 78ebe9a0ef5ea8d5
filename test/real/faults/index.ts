import { configs } from './configs.ts';
import { crashes } from './crashes.ts';
import type { Fault } from './fault.ts';
import { history } from './history.ts';
import { jobs } from './jobs.ts';
import { launches } from './launches.ts';
import { limits } from './limits.ts';
import { packages } from './packages.ts';
import { ports } from './ports.ts';

export const faults: readonly Fault[] = [
  ...crashes,
  ...configs,
  ...packages,
  ...launches,
  ...ports,
  ...history,
  ...limits,
  ...jobs,
];
