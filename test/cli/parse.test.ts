import { describe, expect, it } from 'vitest';
import { renderHelp } from '../../src/cli/help.ts';
import { parseCommand } from '../../src/cli/parse.ts';
import { verbs } from '../../src/cli/verbs.ts';

const words = (line: string): readonly string[] => (line === '' ? [] : line.split(' '));

const plain = { dryRun: false, yes: false, json: false };
const unconfirmed = { confirmWithinMs: null, restart: false };

describe('the command line', () => {
  it.each([
    ['status', { kind: 'status', json: false, watch: false }],
    ['status --json', { kind: 'status', json: true, watch: false }],
    ['status -w --json', { kind: 'status', json: true, watch: true }],
    ['check', { kind: 'check', json: false, why: false }],
    ['check --json', { kind: 'check', json: true, why: false }],
    ['check --why', { kind: 'check', json: false, why: true }],
    ['pause', { kind: 'pause', forMs: null }],
    ['pause 30m', { kind: 'pause', forMs: 1_800_000 }],
    ['pause 1h30m', { kind: 'pause', forMs: 5_400_000 }],
    ['resume', { kind: 'resume' }],
    ['repair', { kind: 'repair' }],
    ['acknowledge', { kind: 'acknowledge' }],
    ['logs', { kind: 'logs', follow: false, lines: 40 }],
    ['logs -f', { kind: 'logs', follow: true, lines: 40 }],
    ['logs -fn 5', { kind: 'logs', follow: true, lines: 5 }],
    ['logs --lines=100 --follow', { kind: 'logs', follow: true, lines: 100 }],
    ['logs -n 0', { kind: 'logs', follow: false, lines: 0 }],
    ['daemon', { kind: 'daemon', foreground: false }],
    ['daemon --foreground', { kind: 'daemon', foreground: true }],
    ['install', { kind: 'install', dryRun: false, observe: false, safeStart: false }],
    ['install --safe-start', { kind: 'install', dryRun: false, observe: false, safeStart: true }],
    ['safe-start', { kind: 'safe-start' }],
    ['install --observe --dry-run', { kind: 'install', dryRun: true, observe: true, safeStart: false }],
    ['uninstall --purge', { kind: 'uninstall', dryRun: false, purge: true }],
    ['validate', { kind: 'validate', file: null, json: false }],
    ['validate /tmp/new.json --json', { kind: 'validate', file: '/tmp/new.json', json: true }],
    ['apply new.json', { kind: 'apply', ask: { ...plain, file: 'new.json', ...unconfirmed } }],
    [
      'apply new.json --confirm-within 2m --restart --dry-run -y --json',
      {
        kind: 'apply',
        ask: {
          file: 'new.json',
          confirmWithinMs: 120_000,
          restart: true,
          dryRun: true,
          yes: true,
          json: true,
        },
      },
    ],
    ['edit', { kind: 'edit', ask: unconfirmed }],
    ['edit --confirm-within=90s', { kind: 'edit', ask: { confirmWithinMs: 90_000, restart: false } }],
    ['confirm', { kind: 'confirm' }],
    ['undo', { kind: 'undo', ask: { ...plain, yes: false, id: null } }],
    ['undo T3', { kind: 'undo', ask: { ...plain, yes: false, id: 'T3' } }],
    ['undo A7.undo -y', { kind: 'undo', ask: { ...plain, yes: true, id: 'A7.undo' } }],
    ['timemachine --json', { kind: 'timemachine', json: true }],
    ['fix-config', { kind: 'fix-config', ask: { ...plain, from: null } }],
    [
      'fix-config --from openclaw.json.bak --dry-run',
      { kind: 'fix-config', ask: { ...plain, dryRun: true, from: 'openclaw.json.bak' } },
    ],
    ['job snapshot', { kind: 'job', job: 'snapshot' }],
    ['archive', { kind: 'job', job: 'archive' }],
    ['sentinel', { kind: 'job', job: 'sentinel' }],
    ['--help', { kind: 'help', verb: null }],
    ['-h', { kind: 'help', verb: null }],
    ['help', { kind: 'help', verb: null }],
    ['help logs', { kind: 'help', verb: 'logs' }],
    ['logs --help', { kind: 'help', verb: 'logs' }],
    ['snapshot --help', { kind: 'help', verb: 'job' }],
    ['--version', { kind: 'version' }],
  ])('reads "immune %s"', (line, command) => {
    expect(parseCommand(words(line))).toEqual(command);
  });

  it.each([
    ['', 'immune needs to be told what to do', 'immune --help'],
    ['statsu', '"statsu" is not a command of immune; did you mean "status"?', 'immune status'],
    ['frobnicate', '"frobnicate" is not a command of immune', 'immune --help'],
    ['--verison', '"--verison" is not an option of immune; did you mean "--version"?', 'immune --version'],
    [
      'status --jsn',
      '"--jsn" is not an option of "immune status"; did you mean "--json"?',
      'immune status --json',
    ],
    ['status -q', '"-q" is not an option of "immune status"', 'immune status --help'],
    ['status --json=yes', '--json takes no value', 'immune status --help'],
    ['status now', '"immune status" does not take "now"', 'immune status --help'],
    ['resume 5m', '"immune resume" does not take "5m"', 'immune resume --help'],
    ['pause soon', '"soon" is not a length of time', 'immune pause 30m'],
    ['pause 0s', '"0s" is not a length of time', 'immune pause 30m'],
    ['pause 1000d', '"1000d" is too long: 366d is the longest', 'immune pause 30m'],
    [
      'edit --confirm-within 9000h',
      '"9000h" is too long: 366d is the longest',
      'immune edit --confirm-within 2m',
    ],
    ['pause 1m 2m', '"immune pause" does not take "2m"', 'immune pause --help'],
    [
      'logs -n',
      '--lines needs a value: how many lines to begin with (default 40, at most 10000)',
      'immune logs --help',
    ],
    ['logs -n many', '--lines needs a whole number up to 10000, not "many"', 'immune logs -n 100'],
    ['logs -n 10001', '--lines needs a whole number up to 10000, not "10001"', 'immune logs -n 100'],
    ['apply', '"immune apply" needs the file to put in place', 'immune apply <file>'],
    ['apply a b', '"immune apply" does not take "b"', 'immune apply --help'],
    [
      'apply new.json --confirm-within soon',
      '"soon" is not a length of time',
      'immune apply new.json --confirm-within 2m',
    ],
    ['edit --confirm-within 0s', '"0s" is not a length of time', 'immune edit --confirm-within 2m'],
    ['edit --yes', '"--yes" is not an option of "immune edit"', 'immune edit --help'],
    ['undo ../T1', '"../T1" is not the id of a change', 'immune undo'],
    [
      'undo T1.undo.undo.undo.undo.undo',
      '"T1.undo.undo.undo.undo.undo" is not the id of a change',
      'immune undo',
    ],
    ['job', '"immune job" needs the name of a job: snapshot, archive, sentinel', 'immune job snapshot'],
    ['job snapshto', 'there is no job "snapshto"; did you mean "snapshot"?', 'immune job snapshot'],
    ['help statsu', 'there is no help on "statsu"; did you mean "status"?', 'immune help status'],
    [
      'install --observ',
      '"--observ" is not an option of "immune install"; did you mean "--observe"?',
      'immune install --observe',
    ],
  ])('refuses "immune %s" and says what to type', (line, message, hint) => {
    expect(parseCommand(words(line))).toEqual({ kind: 'refused', message, hint });
  });

  it('repeats neither control characters nor a flood of what was typed', () => {
    const parsed = parseCommand([`\u001b[31m${'x'.repeat(500)}`]);
    expect(parsed.kind === 'refused' && parsed.message).toMatch(
      /^"\?\[31mx{55}…" is not a command of immune$/,
    );
  });
});

describe('help', () => {
  it('names every verb that people type and every exit code', () => {
    const text = renderHelp(null);
    for (const { name, summary } of verbs) expect(text.includes(`\n  ${name}`)).toBe(summary !== null);
    expect(text).toContain('Exit codes: 0 ok, 1 a bug of ours, 2 usage or settings, 3 unhealthy');
  });

  it.each(verbs.map((verb) => verb))('of $name shows each of its options', (verb) => {
    const text = renderHelp(verb.name);
    for (const { name } of verb.options) expect(text).toContain(`--${name}`);
    expect(text).toContain('--help');
    expect(text).not.toContain('?.');
  });
});
