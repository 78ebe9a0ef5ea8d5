import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { channelProblem } from '../../src/alerts/channel-problem.ts';
import { parseJson5 } from '../../src/config/json5.ts';
import { settingsSchema } from '../../src/config/schema.ts';
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

function parseJson5Value(text: string): unknown {
  const parsed = parseJson5(text);
  if (parsed.kind !== 'ok') throw new Error(parsed.because);
  return parsed.value;
}

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

  it('have no alerts channels by default, and fill in what one leaves out', () => {
    expect(accepted(least).alerts).toEqual({ notification: true, channels: [] });
    const { alerts } = accepted({
      ...least,
      alerts: { channels: [{ name: 'phone', kind: 'ntfy', url: 'https://ntfy.sh/t' }] },
    });
    expect(alerts).toEqual({
      notification: true,
      channels: [
        {
          name: 'phone',
          kind: 'ntfy',
          url: 'https://ntfy.sh/t',
          secretFile: null,
          secretEnv: null,
          secretKeychain: null,
          minSeverity: 'info',
        },
      ],
    });
  });

  it.each([
    ['an unknown kind', { kind: 'telegramm' }, '.0.kind', 'did you mean "telegram"?'],
    ['a password of its own', { password: 'x' }, '.0.password', 'known here: name, kind, url'],
    ['a mistyped key', { secretfile: '/x' }, '.0.secretfile', 'did you mean "secretFile"?'],
    ['two secrets', { secretFile: '/x', secretEnv: 'X' }, '.0', 'only one of secretFile, secretEnv'],
    ['a file by a relative path', { secretFile: 'x' }, '.0.secretFile', 'absolute path'],
    ['a variable with a value', { secretEnv: 'A=b' }, '.0.secretEnv', 'name of an environment variable'],
    ['a name of two words', { name: 'my phone' }, '.0.name', 'a short name'],
    ['a name we use ourselves', { name: 'notification' }, '', 'names that differ'],
    ['the name of the one before', { name: 'first' }, '', 'names that differ'],
    ['an unknown severity', { minSeverity: 'loud' }, '.0.minSeverity', 'expected "info" or "warning"'],
    ['no kind', { kind: undefined }, '.0.kind', 'is missing; expected "ntfy" or'],
    ['an endless url', { url: 'x'.repeat(3_000) }, '.0.url', 'at most 2048 characters'],
  ])('tell what is wrong with an alerts channel that has %s', (_what, given, key, words) => {
    const channels = [
      { name: 'a', kind: 'ntfy', url: 'https://x/t', ...given },
      { name: 'first', kind: 'ntfy', url: 'https://x/t' },
    ];
    expect(hints({ ...least, alerts: { channels } })[`alerts.channels${key}`]).toContain(words);
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

  it('do not repeat even a short text where a secret is asked for', () => {
    const secret = 'abcd efgh ijkl mnop';
    for (const key of ['secretFile', 'secretEnv', 'url', 'name', 'kind']) {
      const channels = [{ name: 'a', kind: 'ntfy', url: 'https://x/t', [key]: key === 'url' ? 7 : secret }];
      const told = JSON.stringify(hints({ ...least, alerts: { channels } }));
      if (key.startsWith('secret')) expect(told).not.toContain(secret);
      else expect(told).toContain('found');
    }
    for (const key of ['secretFile', 'secretEnv', 'secretKeychain']) {
      const channels = [{ name: 'a', kind: 'ntfy', url: 'https://x/t', [key]: 987_654 }];
      expect(hints({ ...least, alerts: { channels } })[`alerts.channels.0.${key}`]).toBe(
        'expected a text in quotes, found a number',
      );
    }
  });

  it('say of lists and switches what they must be, in words', () => {
    const channels = Array.from({ length: 17 }, (_, index) => ({
      ...{ name: `a${index}`, kind: 'ntfy', url: 'https://x/t' },
    }));
    expect(hints({ ...least, alerts: { channels } })['alerts.channels']).toBe('must have at most 16 entries');
    expect(hints({ ...least, alerts: { channels: {} } })['alerts.channels']).toBe(
      'expected a list [ … ], found an object',
    );
    expect(hints({ ...least, alerts: { notification: 'no' } })['alerts.notification']).toBe(
      'expected true or false, found "no"',
    );
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

  it('keep alerts channels, and show an example of each kind that can be used as it is', () => {
    const { policy: _policy, ...rest } = settings;
    const examples = renderSettings(rest).replace(/^ {6}\/\/ (\{ name: .*,)$/gm, '      $1');
    const { alerts } = accepted(parseJson5Value(examples));
    const kinds = settingsSchema.def.shape.alerts.def.innerType.def.shape.channels.def.innerType.def.element;
    expect(alerts.channels.map(({ kind }) => kind)).toEqual(kinds.def.shape.kind.options);
    expect(alerts.channels.map(channelProblem)).toEqual(alerts.channels.map(() => null));
    expect(parseSettings(renderSettings({ ...rest, alerts }), 'x')).toMatchObject({
      kind: 'ok',
      settings: { alerts },
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
