import { confirmWithin, json, restart, type VerbSpec, yes } from './verb-spec.ts';

/** The verbs that keep, change and mend config and package, and what an operator asks about that. */
export const repairVerbs = [
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
    options: [
      { name: 'dry-run', words: 'print what would be put back, change nothing' },
      { name: 'yes', short: 'y', words: 'without an id: the newest one, and do not ask' },
      json,
    ],
    argument: '[id]',
    more: [
      'Without an id it lists what can be undone, newest first, and on a terminal asks for the newest.',
      'The id stands in the notice: T3 of an applied change, P2 of fix-deps, A7 of a repair by the watchdog.',
      'Refused when the config, or what was put in the package, was changed since. Works without the watchdog too.',
      'Exit code 0: undone, undone already, or nothing to undo; 3: it failed; 4: refused, nothing was changed; 5: busy.',
    ],
  },
  {
    name: 'timemachine',
    summary: 'the local snapshots of Time Machine, and the commands to take config or package out of one',
    options: [json],
    argument: null,
    more: [
      'Changes nothing and mounts nothing: it prints commands to copy. They need an administrator (sudo).',
      'Exit code 0: there are snapshots; 3: there are none, or they could not be listed.',
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
    name: 'fix-port',
    summary: "who holds the gateway's port; end a gateway of ours that launchd did not start",
    options: [
      { name: 'kill', value: 'PID', words: 'end exactly this process, which must hold the port' },
      { name: 'move-port', value: 'PORT', words: 'give the gateway this port, by the way of apply' },
      { name: 'bind-loopback', words: 'have it listen on this machine alone, by the way of apply' },
      { name: 'force', words: 'a gateway too that somebody started in a terminal' },
      { name: 'dry-run', words: 'say who it is and what would be done, change nothing' },
      yes,
      json,
    ],
    argument: null,
    more: [
      'Ends only what is proven to be a gateway of this state directory, and never another program unless you name it.',
      'A gateway that waits for its port takes it by itself: it is not restarted. Works without the watchdog too.',
      'Exit code 0: nothing is in the way, or it was ended; 3: somebody else holds the port; 4: refused; 5: busy.',
    ],
  },
  {
    name: 'restart',
    summary: 'start or restart the gateway, and wait until it serves',
    options: [
      { name: 'force', words: 'beyond the budget of restarts too; nothing else is overridden' },
      { name: 'dry-run', words: 'look, print what would be done, change nothing' },
      yes,
      json,
    ],
    argument: null,
    more: [
      'Brings up what is down, hung, held back, unloaded or parked; a gateway that answers is restarted after a question.',
      'Refused, with the command that helps, where a start could not succeed: a broken config or package, a held port.',
      'The watchdog does it; where none is alive, this command does it by the same rules, journal and budget.',
      'Exit code 0: the gateway serves; 3: it does not; 4: refused, nothing was changed; 5: busy.',
    ],
  },
  {
    name: 'nuclear',
    summary: 'everything at once: package, config, port and restart, each only where it is needed',
    options: [
      { name: 'network', words: 'let npm fetch what no archive holds' },
      { name: 'force', words: 'beyond the budget of restarts too' },
      { name: 'dry-run', words: 'look, print the plan, change nothing' },
      yes,
      json,
    ],
    argument: null,
    more: [
      'Looks first, asks once for the whole plan, and looks anew after each step. A step whose check is clean is skipped.',
      'A gateway that serves or boots is left alone, so it can be run again and again. Each repair names its undo.',
      'Exit code 0: the gateway serves; 3: something still stands in the way; 4: refused; 5: busy.',
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
    name: 'incidents',
    summary: 'what happened, what was done about it, how it ended',
    options: [
      json,
      { name: 'limit', short: 'n', value: 'N', words: 'how many to list (default 20, at most 1000)' },
    ],
    argument: '[what]',
    mostArguments: 2,
    more: [
      'What: list (also without a word, newest first), show <id> (its timeline; without an id the newest).',
      'Read from the journal, also from its older parts. Works with everything down.',
      'Exit code 0: read; 3: there is no journal, or a part of it cannot be read; 4: there is no such incident.',
    ],
  },
  {
    name: 'support-bundle',
    summary: 'one file with all that helps another person to help, and no secret',
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'PATH',
        words: 'a file that does not exist yet, or a folder (default: the current one)',
      },
      { name: 'dry-run', words: 'list what would be in it, write nothing' },
      json,
    ],
    argument: null,
    more: [
      'Status, check, journal, logs of the watchdog, launchd, versions, disk, listeners, and the keys of the config.',
      'Values of the config are left out, and every secret we know of is taken out of the rest. Nothing is sent.',
      'Exit code 0: it is written, also where a part of it could not be made; 3: it could not be; 4: refused.',
    ],
  },
] as const satisfies readonly VerbSpec[];
