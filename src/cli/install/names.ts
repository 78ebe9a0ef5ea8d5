import type { JobDefinition } from '../../system/launchd/job.ts';

export type JobName = 'watchdog' | 'snapshot' | 'archive' | 'sentinel';

export interface JobPlace {
  readonly home: string;
  readonly dataDir: string;
  readonly logsDir: string;
}

/** The watchdog is last: it is stopped first and started last. */
const timerJobs = ['snapshot', 'archive', 'sentinel'] as const satisfies readonly JobName[];
export const allJobs: readonly JobName[] = [...timerJobs, 'watchdog'];

/** Never `ai.openclaw.*`: OpenClaw's doctor removes auxiliary jobs of that name. */
export const labelOf = (job: JobName): string => `org.openclaw-immune.${job}`;
export const launcherOf = (job: JobName): string => `openclaw-immune-${job}`;

/**
 * V8 options of the long-lived daemon, kept in this one place. It parses a few kilobytes a minute, so compilers and a
 * large young generation only cost memory: measured on Linux with a busy little program, private memory 20 -> 15 MB
 * and RSS 69 -> 55 MB at no more processor time. Not --jitless or --lite-mode: they take WebAssembly away, which
 * Node's own fetch needs.
 */
const daemonNodeFlags: readonly string[] = [
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  '--optimize-for-size',
  '--max-semi-space-size=1',
  '--single-threaded-gc',
  '--v8-pool-size=0',
];

/** The archive job reads half a gigabyte: without these the garbage of that, and not what is kept, fills the memory. */
const archiveNodeFlags: readonly string[] = [
  '--max-semi-space-size=2',
  '--single-threaded-gc',
  '--v8-pool-size=0',
];

/** What the launcher of a job runs: options of Node, then arguments of `immune`. */
export function commandOf(job: JobName): {
  readonly title: string;
  readonly flags: readonly string[];
  readonly words: readonly string[];
} {
  switch (job) {
    case 'watchdog':
      return {
        title: 'The watchdog of the OpenClaw gateway',
        flags: daemonNodeFlags,
        words: ['daemon', '--foreground'],
      };
    case 'snapshot':
      return { title: 'Keeps a copy of the OpenClaw settings', flags: [], words: ['job', 'snapshot'] };
    case 'archive':
      return {
        title: 'Keeps a copy of the OpenClaw package',
        flags: archiveNodeFlags,
        words: ['job', 'archive'],
      };
    case 'sentinel':
      return {
        title: 'Starts the watchdog when its heartbeat is stale',
        flags: [],
        words: ['job', 'sentinel'],
      };
    default:
      return job satisfies never;
  }
}

/** launchd's own default; every tool is called by its absolute path, so nothing else is needed. */
const servicePath = '/usr/bin:/bin:/usr/sbin:/sbin';

const everyFiveMinutes = Array.from({ length: 12 }, (_, index) => ({ minute: index * 5 + 2 }));

/** The LaunchAgent of a job; launchd/README.md says why each key is there and which are left out. */
export function definitionOf(job: JobName, place: JobPlace): JobDefinition {
  const log = `${place.logsDir}/launchd-${job}.log`;
  const common = {
    label: labelOf(job),
    programArguments: [`${place.dataDir}/bin/${launcherOf(job)}`],
    umask: 0o077,
    environmentVariables: { HOME: place.home, PATH: servicePath, LANG: 'en_US.UTF-8' },
    workingDirectory: place.dataDir,
    standardInPath: '/dev/null',
    standardOutPath: log,
    standardErrorPath: log,
  };
  const background = { ...common, processType: 'Background', lowPriorityIO: true, nice: 10 } as const;
  switch (job) {
    case 'watchdog':
      return {
        ...common,
        runAtLoad: true,
        keepAlive: true,
        throttleInterval: 30,
        exitTimeOut: 20,
        processType: 'Interactive',
      };
    case 'snapshot':
      return { ...background, startCalendarInterval: [{ minute: 7 }], exitTimeOut: 60 };
    case 'archive':
      // Sunday night, and a slot a day for the week in which that night was spent switched off: the job itself asks
      // whether it is due.
      return {
        ...background,
        startCalendarInterval: [
          { weekday: 0, hour: 4, minute: 30 },
          { hour: 12, minute: 30 },
        ],
        exitTimeOut: 120,
      };
    case 'sentinel':
      return {
        ...common,
        startCalendarInterval: everyFiveMinutes,
        processType: 'Background',
        exitTimeOut: 20,
      };
    default:
      return job satisfies never;
  }
}
