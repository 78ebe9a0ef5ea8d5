import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from 'plist';
import { describe, expect, it } from 'vitest';
import { quoteForShell, renderLauncher } from '../../src/cli/install/launchers.ts';
import { allJobs, definitionOf, labelOf } from '../../src/cli/install/names.ts';
import { sourceOf } from '../../src/cli/install/target.ts';
import { buildPlist, parsePlist } from '../../src/system/launchd/plist.ts';
import { checkPlistKeys } from '../../src/system/launchd/plist-keys.ts';

const template = readFileSync(new URL('../../launchd/launcher.sh.template', import.meta.url), 'utf8');
const nasty = `/Users/Zoë O'Hara "x" $(touch /tmp/never) \`id\` \\ * & ; | é@DATA@$&\n/end`;

describe('the words of a launcher', () => {
  it.each([[''], ['plain'], ["it's"], [nasty], ["'''"], ['-n'], ['日本']])(
    'sh reads %j back as it was',
    (word) => {
      const printed = execFileSync('/bin/sh', ['-c', `printf %s ${quoteForShell(word)}`], {
        encoding: 'utf8',
      });
      expect(printed).toBe(word);
    },
  );

  it('a launcher runs its command with every argument intact, our directories set and no foreign Node options', () => {
    const options = `"$\{NODE_OPTIONS-none}"`;
    const script = renderLauncher(template, {
      title: 'Test',
      dataDir: nasty,
      logsDir: `${nasty}/logs`,
      node: '/bin/sh',
      flags: ['-c'],
      app: `printf "%s|%s|%s|%s|%s|%s" "$OPENCLAW_IMMUNE_DATA" "$OPENCLAW_IMMUNE_LOGS" ${options} "$@"`,
      words: ['x', nasty],
      stamp: '/nowhere/stamp',
      lifeboat: '/nowhere/lifeboat.sh',
    });
    const out = execFileSync('/bin/sh', ['-c', script, 'launcher', 'a b', "c'd"], {
      encoding: 'utf8',
      env: { NODE_OPTIONS: '--require /evil.js' },
    });
    expect(out).toBe(`${nasty}|${nasty}/logs|none|${nasty}|a b|c'd`);
  });

  it('a placeholder nobody fills is a bug, not an empty word', () => {
    expect(() =>
      renderLauncher('exec @NOBODY@', {
        title: '',
        dataDir: '',
        logsDir: '',
        node: '',
        flags: [],
        app: '',
        words: [],
        stamp: '',
        lifeboat: '',
      }),
    ).toThrow(/@NOBODY@/);
  });
});

describe('the four LaunchAgents', () => {
  const place = { home: "/Users/Zoë & Mac's", dataDir: "/Users/Zoë & Mac's/Library/d", logsDir: '/l <1>' };

  it.each(allJobs)(
    '%s carries only keys we know, each of its type, and reads back as it was meant',
    (job) => {
      const definition = definitionOf(job, place);
      const text = buildPlist(definition);
      expect(checkPlistKeys(parse(text))).toEqual([]);
      const parsed = parsePlist(text);
      expect(parsed).toMatchObject({
        kind: 'ok',
        job: {
          label: labelOf(job),
          programArguments: definition.programArguments,
          umask: 0o077,
          environmentVariables: { HOME: place.home },
        },
      });
    },
  );

  it.each(allJobs)('%s is nothing OpenClaw would take for a service of its own', (job) => {
    const definition = definitionOf(job, place);
    expect(definition.label).not.toMatch(/^ai\.openclaw/);
    expect(definition.programArguments.flatMap((word) => word.split(/[\s/]/))).not.toContain('gateway');
    expect(Object.keys(definition.environmentVariables ?? {})).toEqual(['HOME', 'PATH', 'LANG']);
  });

  it.each(allJobs)(
    '%s starts by the calendar exactly when it is not the watchdog, and has an exit time-out',
    (job) => {
      const definition = definitionOf(job, place);
      expect(definition.keepAlive === true).toBe(job === 'watchdog');
      expect((definition.startCalendarInterval?.length ?? 0) > 0).toBe(job !== 'watchdog');
      expect(definition.startInterval).toBeUndefined();
      expect(definition.exitTimeOut).toBeGreaterThan(5);
    },
  );

  it('the sentinel has a slot in every five minutes of an hour', () => {
    const minutes = definitionOf('sentinel', place).startCalendarInterval?.map(({ minute }) => minute);
    expect(new Set(minutes?.map((minute) => Math.floor((minute ?? 0) / 5))).size).toBe(12);
  });
});

it.each([
  ['/c/dist/immune.mjs', '/c/dist/immune.mjs', '/c/launchd/launcher.sh.template'],
  ['/c/src/main.ts', '/c/dist/immune.mjs', '/c/launchd/launcher.sh.template'],
  ['/d/app/immune.mjs', '/d/app/immune.mjs', '/d/app/launchd/launcher.sh.template'],
])('the program at %s installs %s', (entry, bundle, launcher) => {
  expect(sourceOf(entry)).toEqual({ bundle, template: launcher });
});
