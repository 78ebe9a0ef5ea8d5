import { describe, expect, it } from 'vitest';
import { parseManagerName, parsePrint, parsePrintDisabled } from '../../../src/system/launchd/print.ts';

const label = 'com.example.agent';

/** A transcript with nested blocks that repeat the very keys a state is read from. */
const transcript = (...lines: readonly string[]): string =>
  [
    `gui/501/${label} = {`,
    '\tactive count = 1',
    '\tpath = /Users/me/Library/LaunchAgents/com.example.agent.plist',
    '\ttype = LaunchAgent',
    ...lines.map((line) => `\t${line}`),
    '',
    '\tprogram = /usr/bin/true',
    '\targuments = {',
    '\t\t/usr/bin/true',
    '\t\tstate = running',
    '\t}',
    '',
    '\tdomain = gui/501 [100016]',
    '\tstarted suspended = 0',
    '\tproxy started suspended = 0',
    '\tresource coalition = {',
    '\t\tID = 280936',
    '\t\ttype = resource',
    '\t\tstate = active',
    '\t\tpid = 77',
    '\t\truns = 99',
    '\t\tactive count = 1',
    '\t}',
    '\tjetsam coalition = {',
    '\t\tstate = active',
    '\t}',
    '\tspawn type = daemon (3)',
    '\tjob state = running',
    '',
    '\tproperties = keepalive | runatload | inferred program',
    '}',
    '',
  ].join('\n');

const never = { kind: 'never' };

describe('parsePrint', () => {
  it.each([
    [
      'a running job',
      ['state = running', 'runs = 3', 'pid = 3438', 'last exit code = (never exited)'],
      { kind: 'running', pid: 3438, runs: 3, lastExit: never },
    ],
    [
      'a running job whose previous run was ended by a signal',
      ['state = running', 'runs = 3', 'pid = 3438', 'last terminating signal = Terminated: 15'],
      { kind: 'running', pid: 3438, runs: 3, lastExit: { kind: 'signal', signal: 15, name: 'Terminated' } },
    ],
    [
      'a running job without runs and exit lines',
      ['state = running', 'pid = 1'],
      { kind: 'running', pid: 1, runs: null, lastExit: null },
    ],
    [
      'a throttled job',
      ['state = spawn scheduled', 'runs = 12', 'last exit code = 78: EX_CONFIG'],
      { kind: 'scheduled', runs: 12, lastExit: { kind: 'code', code: 78 } },
    ],
    [
      'a job just being started',
      ['state = xpcproxy', 'runs = 1', 'pid = 5'],
      { kind: 'scheduled', runs: 1, lastExit: null },
    ],
    ['a job asked to stop', ['state = SIGTERMed', 'runs = 1', 'pid = 42'], { kind: 'stopping', pid: 42 }],
    ['a job being killed', ['state = SIGKILLed', 'runs = 1'], { kind: 'stopping', pid: null }],
    [
      'a job whose start is held back',
      [
        'state = not running',
        'runs = 0',
        'pended nondemand spawn = speculative',
        'last exit code = (never exited)',
      ],
      { kind: 'pended', reason: 'speculative', runs: 0 },
    ],
    [
      'a stopped job with a numeric exit',
      ['state = not running', 'runs = 2', 'last exit code = 1'],
      { kind: 'stopped', runs: 2, lastExit: { kind: 'code', code: 1 } },
    ],
    [
      'a stopped job that was killed for memory',
      ['state = not running', 'runs = 2', 'last exit reason = <jetsam highwater>'],
      { kind: 'stopped', runs: 2, lastExit: { kind: 'other', text: '<jetsam highwater>' } },
    ],
    [
      'an exit nobody could reap',
      ['state = exited', 'runs = 2', 'last exit code = (failed reap)'],
      { kind: 'stopped', runs: 2, lastExit: { kind: 'other', text: '(failed reap)' } },
    ],
    [
      'a count of runs that is no number',
      ['state = not running', 'runs = many', 'last exit code = 0'],
      { kind: 'stopped', runs: null, lastExit: { kind: 'code', code: 0 } },
    ],
  ])('reads %s', (_name, lines, state) => {
    expect(parsePrint(transcript(...lines), label)).toEqual(state);
  });

  it.each([
    ['empty output', ''],
    ['noise', '\u0000\u0001 what'],
    ['another job', transcript('state = running', 'pid = 5').replaceAll(label, 'com.example.other')],
    ['output that ends in the middle', transcript('state = not running').slice(0, 200)],
    ['no state line of its own', transcript('runs = 1')],
    ['a running job without a pid', transcript('state = running', 'runs = 1')],
    ['a pid that is no number', transcript('state = running', 'pid = (none)')],
    ['the pid 0', transcript('state = running', 'pid = 0')],
    ['two states', transcript('state = running', 'pid = 5', 'state = not running')],
    ['a stopped job with a pid', transcript('state = not running', 'pid = 5')],
    ['a state nobody knows', transcript('state = languishing', 'pid = 5')],
  ])('calls %s unknown and says why', (_name, text) => {
    const state = parsePrint(text, label);
    expect(state.kind).toBe('unknown');
    expect(state.kind === 'unknown' && state.because).toMatch(
      /^The output of .* could not be understood: .+\.$/,
    );
  });
});

describe('parsePrintDisabled', () => {
  const store = (...lines: readonly string[]) =>
    [
      'disabled services = {',
      ...lines.map((line) => `\t${line}`),
      '}',
      'login item associations = {',
      '}',
      '',
    ].join('\n');

  it.each([
    ['disabled', store(`"${label}" => disabled`), 'disabled'],
    ['enabled', store(`"${label}" => enabled`), 'enabled'],
    ['true of macOS 12', store(`"${label}" => true`), 'disabled'],
    ['false of macOS 12', store(`"${label}" => false`), 'enabled'],
    ['a label that is not listed', store('"com.example.agent.other" => disabled'), 'enabled'],
    ['an empty store with a tab before it', '\tdisabled services = {\n\t}\n', 'enabled'],
    ['a word nobody knows', store(`"${label}" => perhaps`), 'unknown'],
    ['no store at all', 'something else', 'unknown'],
    ['a store that ends in the middle', `disabled services = {\n\t"${label}" => disabled\n`, 'unknown'],
    [
      'the same label among the login items only',
      `disabled services = {\n}\nlogin item associations = {\n\t"${label}" => disabled\n}\n`,
      'enabled',
    ],
  ])('reads %s', (_name, text, disabled) => {
    expect(parsePrintDisabled(text, label)).toBe(disabled);
  });
});

it('knows the two sessions that matter and calls every other unknown', () => {
  expect(['Aqua\n', 'Background\n', 'LoginWindow\n', ''].map(parseManagerName)).toEqual([
    'Aqua',
    'Background',
    'unknown',
    'unknown',
  ]);
});
