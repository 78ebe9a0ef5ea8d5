import { dryRun, json, type VerbSpec, yes } from './verb-spec.ts';
import { repairVerbs } from './verbs-repair.ts';

/** Every verb, its options and its words: what is parsed is what help shows. */
export const verbs = [
  {
    name: 'status',
    summary: 'how the gateway and the watchdog are, and why',
    options: [json, { name: 'watch', short: 'w', words: 'look again every second until Ctrl-C' }],
    argument: null,
    more: [
      'Works with the watchdog and the gateway up or down; sends no secret.',
      'Exit code 0: the gateway serves and is watched; 3: one of the two is not so.',
    ],
  },
  {
    name: 'check',
    summary: 'one deep probe now: service, listener, connection, health request',
    options: [
      json,
      { name: 'why', words: 'the whole chain: evidence, causes, what would be done, and why not more' },
    ],
    argument: null,
    more: [
      'The running watchdog makes the probe; without one it is made here.',
      'Exit code 0: everything answered as it should; 3: something did not.',
    ],
  },
  {
    name: 'pause',
    summary: 'watch on, but touch nothing for a while',
    options: [],
    argument: '[length]',
    more: [
      'The length is like 30m, 2h or 1h30m; without one it is pauseMs of the config, 30m unless changed.',
    ],
  },
  { name: 'resume', summary: 'end a pause now', options: [], argument: null, more: [] },
  {
    name: 'repair',
    summary: 'have the watchdog try again after it gave up',
    options: [],
    argument: null,
    more: ['Fresh attempts for the open incident, within the same budgets.'],
  },
  {
    name: 'acknowledge',
    summary: 'say that you know of the open incident',
    options: [],
    argument: null,
    more: ['It is noted with the incident; the watchdog goes on as before.'],
  },
  {
    name: 'logs',
    summary: 'the last lines of watchdog.log',
    options: [
      { name: 'follow', short: 'f', words: 'go on with new lines until Ctrl-C, across rotation' },
      {
        name: 'lines',
        short: 'n',
        value: 'N',
        words: 'how many lines to begin with (default 40, at most 10000)',
      },
    ],
    argument: null,
    more: [],
  },
  {
    name: 'daemon',
    summary: 'the watchdog itself',
    options: [
      { name: 'foreground', words: 'run in this terminal; it never goes into the background by itself' },
    ],
    argument: null,
    more: ['launchd runs this. By hand it serves machines without launchd; Ctrl-C ends it.'],
  },
  {
    name: 'install',
    summary: 'install, start and verify (what install.sh calls)',
    options: [
      dryRun,
      { name: 'observe', words: 'a watchdog that decides and tells, and never acts' },
      {
        name: 'safe-start',
        words: 'also look at the package before every start of the gateway; it restarts once now',
      },
    ],
    argument: null,
    more: [],
  },
  {
    name: 'uninstall',
    summary: 'remove it and leave the gateway as it is',
    options: [dryRun, { name: 'purge', words: 'remove settings, journal, snapshots and archives too' }],
    argument: null,
    more: [],
  },
  ...repairVerbs,
  {
    name: 'alerts',
    summary: 'what was told, what waits, and why: list, why, test, retry, drop',
    options: [json, yes],
    argument: '[what]',
    mostArguments: 2,
    more: [
      'What: list (also without a word), why [id], test, retry <id>, drop <id>.',
      'test sends a marked message to each channel of the settings and says how it went; it needs no watchdog.',
      'why names a reason for everything that was sent, or was not; an id of an incident or an alert picks those.',
      'Exit code 0: done; 3: a channel failed its test, or none is set up; 4: refused.',
    ],
  },
  {
    name: 'safe-start',
    summary: null,
    options: [],
    argument: null,
    more: [
      'What the safe-start wrapper asks when a file is missing. Never starts anything; always ends with 0.',
    ],
  },
  {
    name: 'job',
    summary: null,
    options: [],
    argument: 'snapshot|archive|sentinel',
    more: ['The work of one LaunchAgent. By hand: launchctl kickstart gui/$UID/org.openclaw-immune.<job>'],
  },
] as const satisfies readonly VerbSpec[];

export type VerbName = (typeof verbs)[number]['name'];

/** Jobs may be named without the word "job" before them. */
export const jobNames = ['snapshot', 'archive', 'sentinel'] as const;
export type CommandJob = (typeof jobNames)[number];
