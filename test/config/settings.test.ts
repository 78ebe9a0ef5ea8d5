import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSettings, parseSettings, type Settings } from '../../src/config/settings.ts';
import { renderSettings } from '../../src/config/template.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { hours, minutes, seconds } from '../../src/core/time.ts';
import { readIfExists } from '../../src/system/durable-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'immune-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const least = {
  gateway: {
    label: 'ai.openclaw.gateway',
    plist: '/a.plist',
    stateDir: '/b',
    configPath: '/b/openclaw.json',
  },
  tools: { ps: '/bin/ps' },
};
const parse = (value: unknown) => parseSettings(JSON.stringify(value), '/c/config.json5');

function accepted(value: unknown): Settings {
  const outcome = parse(value);
  if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome.problems));
  return outcome.settings;
}

function hints(value: unknown): Record<string, string> {
  const outcome = parse(value);
  if (outcome.kind === 'ok') throw new Error('was accepted');
  for (const problem of outcome.problems) expect(problem.path).toBe('/c/config.json5');
  return Object.fromEntries(outcome.problems.map(({ key, hint }) => [key, hint]));
}

describe('settings', () => {
  it('need little, and every default is filled in', () => {
    const settings = accepted(least);
    expect(settings).toMatchObject({ mode: 'act', serviceManager: 'launchd', policy: defaultPolicy });
    expect(settings.gateway).toMatchObject({ packageRoot: null, host: null, port: null });
    expect(settings.tools).toEqual({
      launchctl: null,
      ps: '/bin/ps',
      lsof: null,
      netstat: null,
      git: null,
      tar: null,
      tmutil: null,
    });
    expect(settings.schedule.deepProbe).toBe('*/3 * * * *');
  });

  it('take durations as words or milliseconds over the defaults, windows in part too', () => {
    const { policy } = accepted({
      ...least,
      policy: {
        tickMs: '5s',
        pauseMs: 120_000,
        missesToOpen: 3,
        burst: { limit: 1 },
        sustained: { windowMs: '12h' },
      },
    });
    expect(policy).toEqual({
      ...defaultPolicy,
      tickMs: seconds(5),
      pauseMs: minutes(2),
      missesToOpen: 3,
      burst: { limit: 1, windowMs: minutes(5) },
      sustained: { limit: 6, windowMs: hours(12) },
    });
  });

  it.each([
    ['an unknown key', { ...least, polcy: {} }, 'polcy', 'did you mean "policy"?'],
    [
      'an unknown key deep inside',
      { ...least, policy: { burst: { limt: 2 } } },
      'policy.burst.limt',
      'did you mean "limit"?',
    ],
    [
      'an unknown key like no other',
      { ...least, tools: { ps: '/p', hammer: '/h' } },
      'tools.hammer',
      'known here: launchctl, ps',
    ],
    ['a missing key', { ...least, tools: {} }, 'tools.ps', 'is missing'],
    ['a missing section', { gateway: least.gateway }, 'tools', 'expected an object'],
    ['another word', { ...least, mode: 'observ' }, 'mode', 'did you mean "observe"?'],
    [
      'a number for a text',
      { ...least, gateway: { ...least.gateway, label: 7 } },
      'gateway.label',
      'expected a text in quotes, found 7',
    ],
    [
      'a text for a port',
      { ...least, gateway: { ...least.gateway, port: '18789' } },
      'gateway.port',
      'expected a number, found "18789"',
    ],
    [
      'a port beyond all ports',
      { ...least, gateway: { ...least.gateway, port: 70_000 } },
      'gateway.port',
      'at most 65535',
    ],
    [
      'a broken port',
      { ...least, gateway: { ...least.gateway, port: 1.5 } },
      'gateway.port',
      'a whole number',
    ],
    ['a relative path', { ...least, tools: { ps: 'ps' } }, 'tools.ps', 'absolute path'],
    [
      'a duration nobody can read',
      { ...least, policy: { tickMs: '10 parsecs' } },
      'policy.tickMs',
      'such as "10s"',
    ],
    ['a duration of nothing', { ...least, policy: { tickMs: 0 } }, 'policy.tickMs', 'above zero'],
    ['a negative count', { ...least, policy: { missesToOpen: -1 } }, 'policy.missesToOpen', 'above zero'],
    [
      'a schedule of words',
      { ...least, schedule: { deepProbe: 'often' } },
      'schedule.deepProbe',
      'cron line',
    ],
    ['a list', [], '', 'expected an object { … }, found a list'],
    [
      'a limiter that can never trip',
      { ...least, policy: { burst: { limit: 2, windowMs: '10s' } } },
      'policy.burst.windowMs',
      'too short for its limit',
    ],
    [
      'a long limit below the short one',
      { ...least, policy: { sustained: { limit: 1 } } },
      'policy.sustained.limit',
      'burst.limit',
    ],
    [
      'an urgent tick slower than the ordinary one',
      { ...least, policy: { urgentTickMs: '11s' } },
      'policy.urgentTickMs',
      'tickMs (10s)',
    ],
    [
      'a tick that would spin',
      { ...least, policy: { tickMs: 1, urgentTickMs: 1 } },
      'policy.tickMs',
      'at least',
    ],
    [
      'ticks that all look like sleep',
      { ...least, policy: { gapMs: '10s' } },
      'policy.gapMs',
      'longer than tickMs',
    ],
    [
      'a lone witness sooner than two',
      { ...least, policy: { hangActAloneMs: '5s' } },
      'policy.hangActAloneMs',
      'hangActMs',
    ],
  ])('with %s give key and hint', (_name, value, key, words) => {
    expect(hints(value)[key]).toContain(words);
  });

  it('that are no JSON5 give the line and the column', () => {
    const outcome = parseSettings('{\n  // a comment\n  mode: ,\n}', '/c/config.json5');
    if (outcome.kind === 'ok') throw new Error('was accepted');
    expect(outcome.problems).toHaveLength(1);
    expect(outcome.problems[0]?.hint).toMatch(/ at line 3, column 9$/);
    expect(parseSettings('', '/c/config.json5').kind).toBe('invalid');
  });

  it('are all problems at once, within reason', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`unheard${index}`, 1]));
    const outcome = parse({ ...least, mode: 'x', ...many });
    expect(outcome.kind === 'invalid' && outcome.problems.length).toBe(20);
  });

  it('do not repeat a long text back: it may be a secret in the wrong place', () => {
    const secret = 'a-token-somebody-pasted-where-it-does-not-belong';
    expect(JSON.stringify(hints({ ...least, tools: { ps: secret }, mode: secret }))).not.toContain(secret);
  });

  it('are loaded from a file, and a missing, unreadable or huge one is a value', async () => {
    const path = join(directory, 'config.json5');
    expect(await loadSettings(path, readIfExists)).toEqual({ kind: 'missing', path });
    writeFileSync(path, JSON.stringify(least));
    expect((await loadSettings(path, readIfExists)).kind).toBe('ok');
    expect(await loadSettings(directory, readIfExists)).toMatchObject({
      kind: 'unreadable',
      path: directory,
    });
    writeFileSync(path, ' '.repeat(2_000_000));
    expect(await loadSettings(path, readIfExists)).toMatchObject({ kind: 'unreadable' });
  });
});

describe('rendered settings', () => {
  const settings = accepted({
    ...least,
    mode: 'observe',
    gateway: { ...least.gateway, profile: 'o\'dd "name"', port: 18_789 },
  });

  it('read back as what they were', () => {
    const { policy: _policy, ...rest } = settings;
    const text = renderSettings(rest);
    expect(parseSettings(text, 'x')).toEqual({ kind: 'ok', settings });
    const changed = renderSettings({
      ...rest,
      policy: { tickMs: seconds(5), burst: { limit: 1, windowMs: minutes(1) } },
    });
    expect(parseSettings(changed, 'x')).toMatchObject({
      kind: 'ok',
      settings: { policy: { ...defaultPolicy, tickMs: 5_000, burst: { limit: 1, windowMs: 60_000 } } },
    });
  });

  it('have a sentence above every key, and show every default of the policy commented out', () => {
    const { policy: _policy, ...rest } = settings;
    const lines = renderSettings(rest).split('\n');
    for (const key of Object.keys(defaultPolicy)) {
      const at = lines.findIndex((line) => line.startsWith(`    // ${key}: `));
      expect([key, at > 0 && /^ {4}\/\/ [A-Z`l].*\.$/.test(lines[at - 1] ?? '')]).toEqual([key, true]);
    }
    const keyed = lines.filter((line) => /^ {2,4}\w+: /.test(line));
    expect(keyed.length).toBeGreaterThan(20);
    for (const line of keyed) expect(lines[lines.indexOf(line) - 1] ?? '').toMatch(/^ +\/\/ |^$/);
    const defaults = lines.map((line) => line.replace(/^ {4}\/\/ (\w+: .*,)$/, '    $1')).join('\n');
    expect(parseSettings(defaults, 'x')).toEqual({ kind: 'ok', settings });
  });
});
