/** One option of a verb. `value` names what follows it; without one it is a switch. */
export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  readonly value?: string;
  readonly words: string;
}

export interface VerbSpec {
  readonly name: string;
  /** One line for the list of verbs; null keeps a verb that only LaunchAgents use out of it. */
  readonly summary: string | null;
  readonly options: readonly OptionSpec[];
  /** The one word that may follow, in the form help shows it. */
  readonly argument: string | null;
  /** How many words may follow; one where `argument` is given and this is not. */
  readonly mostArguments?: number;
  /** What help says below the usage, one line each. */
  readonly more: readonly string[];
}

const json: OptionSpec = { name: 'json', words: 'one JSON object with stable keys' };
const dryRun: OptionSpec = { name: 'dry-run', words: 'print every file and command, change nothing' };

const yes: OptionSpec = { name: 'yes', short: 'y', words: 'do not ask' };
const restart: OptionSpec = {
  name: 'restart',
  words: 'restart the gateway with it, so that a boot proves it',
};
const confirmWithin: OptionSpec = {
  name: 'confirm-within',
  value: 'LENGTH',
  words: 'take it back unless "immune confirm" is typed within this time, such as 2m',
};

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
  {
    name: 'snapshots',
    summary: 'the recorded configs: list, show, compare, verify',
    options: [
      json,
      { name: 'limit', short: 'n', value: 'N', words: 'how many to list (default 20, at most 1000)' },
    ],
    argument: '[what]',
    mostArguments: 3,
    more: [
      'What: list (also without a word), show <id>, diff <id> [id], verify.',
      'An id is the beginning of one, or "newest", or "verified" for the newest verified one.',
      'diff compares with the second one, or with the config on disk. Values are masked but for small numbers and',
      'known words; config-backup/ in the data folder is a plain git work tree, and git shows all of it.',
      'Exit code 3: verify found something wrong, or the snapshots cannot be read.',
    ],
  },
  {
    name: 'why-config',
    summary: 'which keys of the config to blame when OpenClaw refuses it',
    options: [json],
    argument: null,
    more: [
      'Changes nothing. With a verified snapshot it also finds which of your edits since then broke it.',
      'Exit code 0: the config is fine; 3: it is not, or nobody can tell.',
    ],
  },
  {
    name: 'validate',
    summary: 'would the gateway start with this config?',
    options: [json],
    argument: '[file]',
    more: [
      'Reads it ourselves, then asks the installed OpenClaw; without a file, the live config. Changes nothing.',
      'Exit code 0: valid; 3: invalid, or OpenClaw could not be asked.',
    ],
  },
  {
    name: 'apply',
    summary: 'put a config in place, and take it back unless it proves itself',
    options: [
      confirmWithin,
      restart,
      { name: 'dry-run', words: 'say what would change, change nothing' },
      yes,
      json,
    ],
    argument: '<file>',
    more: [
      'Validates, records what is there, swaps, and watches: a gateway that is not ready with it gets the old one back.',
      'The watchdog does the watching: a lost terminal or a reboot changes nothing about that.',
      'Exit code 0: it holds, or waits for "immune confirm"; 3: it was taken back; 4: refused, nothing was changed.',
    ],
  },
  {
    name: 'edit',
    summary: 'open the config in $EDITOR, then go the way of apply',
    options: [confirmWithin, restart],
    argument: null,
    more: ['The editor gets a private copy; what does not get in is kept, and its path is said.'],
  },
  {
    name: 'confirm',
    summary: 'keep the change that waits for it',
    options: [],
    argument: null,
    more: [],
  },
  {
    name: 'undo',
    summary: 'put back what a change of the config or a repair of the package replaced',
    options: [],
    argument: '<id>',
    more: [
      'The id stands in the notice: T3 of an applied change, P2 of fix-deps, A7 of a repair by the watchdog.',
      'Refused when the config, or what was put in the package, was changed since.',
    ],
  },
  {
    name: 'fix-config',
    summary: 'restore what a broken config needs, and nothing else',
    options: [
      {
        name: 'from',
        value: 'PATH',
        words: 'this config instead of a recorded one, such as openclaw.json.bak',
      },
      { name: 'dry-run', words: 'print the plan, change nothing' },
      yes,
      json,
    ],
    argument: null,
    more: [
      'Single keys where that is enough, else the newest verified snapshot. Taken back if the gateway is not ready with it.',
      'Works without the watchdog too. Exit code 0: fine, or mended; 3: not; 4: refused.',
    ],
  },
  {
    name: 'fix-deps',
    summary: 'put the installed OpenClaw package right, the same version, from our archive',
    options: [
      { name: 'dry-run', words: 'print what is wrong and the plan, change nothing' },
      { name: 'network', words: 'let npm fetch what no archive holds; it is verified before it is used' },
      yes,
      json,
    ],
    argument: null,
    more: [
      'Names the packages and files that are missing, truncated or altered, and what is restored out of what.',
      'Works without the watchdog too. What is replaced is kept: "immune undo" puts it back.',
      'Exit code 0: fine, or mended; 3: not mended; 4: refused, nothing was changed; 5: something else is at work.',
    ],
  },
  {
    name: 'archives',
    summary: 'the archives of the OpenClaw package: list, verify, compare',
    options: [
      json,
      { name: 'full', words: 'with check: compare the bytes of every file, not only sizes' },
      { name: 'dry-run', words: 'with restore, and needed there: print what would be restored' },
    ],
    argument: '[what]',
    mostArguments: 2,
    more: [
      'What: list (also without a word), verify [name], check, restore [name] --dry-run.',
      'A name is one of the list, its beginning, or "newest", which it is without one. Nothing here changes the package:',
      'restoring is what "immune fix-deps" does.',
      'Exit code 0: all is well; 3: an archive is damaged, the package differs, or there is nothing to look at.',
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
