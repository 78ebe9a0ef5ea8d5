import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';
import { resolvePaths } from '../../src/config/paths.ts';
import { suggest } from '../../src/config/suggest.ts';
import { millis } from '../../src/core/time.ts';

describe('durations', () => {
  it.each([
    ['10s', 10_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    [' 5M ', 300_000],
    ['2d', 172_800_000],
    ['0s', 0],
    ['366d', 366 * 86_400_000],
    ['367d', null],
    ['10', null],
    ['', null],
    ['-5s', null],
    ['5 s', null],
    ['s', null],
    ['1e3s', null],
    ['5sec', null],
  ])('read %j as %j ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it('are spelled so that they read back the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 366 * 86_400_000 }), (length) => {
        expect(parseDuration(formatDuration(millis(length)))).toBe(length);
      }),
    );
    expect(
      ['90s', '1h', '36h', '1500ms'].map((text) => formatDuration(parseDuration(text) ?? millis(-1))),
    ).toEqual(['90s', '1h', '36h', '1500ms']);
  });
});

describe('suggestions', () => {
  const known = ['status', 'daemon', 'pause', 'resume', 'logs', 'check', 'install', 'uninstall'];
  it.each([
    ['staus', 'status'],
    ['sttaus', 'status'],
    ['STATUS', 'status'],
    ['puase', 'pause'],
    ['log', 'logs'],
    ['instal', 'install'],
    ['restart', null],
    ['x', null],
    ['', null],
    ['statusstatusstatus', null],
  ])('for %j are %j', (word, expected) => {
    expect(suggest(word, known)).toBe(expected);
  });
});

describe('paths', () => {
  const home = '/Users/me';
  it('on macOS are where Console.app and people look', () => {
    const paths = resolvePaths({ home, layout: 'macos', env: {} });
    expect(paths).toMatchObject({
      data: '/Users/me/Library/Application Support/openclaw-immune',
      config: '/Users/me/Library/Application Support/openclaw-immune/config.json5',
      commands: '/Users/me/Library/Application Support/openclaw-immune/state/commands',
      logs: '/Users/me/Library/Logs/openclaw-immune',
      link: '/Users/me/.local/bin/immune',
      launchAgents: '/Users/me/Library/LaunchAgents',
    });
  });

  it('elsewhere follow XDG, whose relative paths are ignored', () => {
    expect(resolvePaths({ home, layout: 'xdg', env: {} })).toMatchObject({
      data: '/Users/me/.local/share/openclaw-immune',
      logs: '/Users/me/.local/state/openclaw-immune/logs',
    });
    const env = { XDG_DATA_HOME: '/data', XDG_STATE_HOME: 'relative' };
    expect(resolvePaths({ home, layout: 'xdg', env })).toMatchObject({
      data: '/data/openclaw-immune',
      logs: '/Users/me/.local/state/openclaw-immune/logs',
    });
  });

  it('follow our own two variables first, in either layout', () => {
    const env = { OPENCLAW_IMMUNE_DATA: '/d', OPENCLAW_IMMUNE_LOGS: '/l', XDG_DATA_HOME: '/data' };
    for (const layout of ['macos', 'xdg'] as const) {
      expect(resolvePaths({ home, layout, env })).toMatchObject({
        data: '/d',
        logs: '/l',
        state: '/d/state',
      });
    }
    expect(resolvePaths({ home, layout: 'macos', env: { OPENCLAW_IMMUNE_DATA: 'relative' } }).data).toContain(
      'Library',
    );
  });

  it('are all absolute and all different', () => {
    const all = Object.values(resolvePaths({ home, layout: 'macos', env: {} }));
    expect(all.every((path) => path.startsWith('/'))).toBe(true);
    expect(new Set(all).size).toBe(all.length);
  });
});
