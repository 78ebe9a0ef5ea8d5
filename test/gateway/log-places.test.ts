import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { logPlaces } from '../../src/gateway/log-places.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'log-places-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const places = (label: string, job: { out: string | null; err: string | null } | null): readonly string[] =>
  logPlaces({
    place: { label, stateDir: join(home, '.openclaw') },
    home,
    job: job && { standardOutPath: job.out, standardErrorPath: job.err },
  });
const usual = (name: string): readonly string[] =>
  [`Library/Logs/openclaw/${name}`, '.openclaw/logs/gateway.log', '.openclaw/logs/gateway.err.log'].map(
    (path) => join(home, path),
  );

test.each([
  ['2026.9.6, both into one file', { out: '/l/gateway.log', err: '/l/gateway.log' }, ['/l/gateway.log']],
  ['2026.6.6, errors thrown away', { out: '/l/gateway.log', err: '/dev/null' }, ['/l/gateway.log']],
  [
    '2026.4.29, one file each',
    { out: '/l/gateway.log', err: '/l/gateway.err.log' },
    ['/l/gateway.log', '/l/gateway.err.log'],
  ],
  ['everything thrown away', { out: '/dev/null', err: '/dev/null' }, []],
  ['only errors kept', { out: null, err: '/l/e.log' }, ['/l/e.log']],
])('the plist of %s says where the log is', (_name, job, wanted) => {
  expect(places('ai.openclaw.gateway', job)).toEqual(wanted);
});

test.each([
  ['ai.openclaw.gateway', 'gateway.log'],
  ['ai.openclaw.work', 'gateway-work.log'],
  ['com.example.other', 'gateway.log'],
])('without a plist, %s has the usual places', (label, name) => {
  expect(places(label, null)).toEqual(usual(name));
  expect(places(label, { out: null, err: null })).toEqual(usual(name));
});

test('the log that was written last comes first', () => {
  const [, older, newer] = usual('gateway.log');
  for (const [index, path] of [older, newer].entries()) {
    if (path === undefined) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
    utimesSync(path, 1_000 + index, 1_000 + index);
  }
  expect(places('ai.openclaw.gateway', null)).toEqual([newer, older, usual('gateway.log')[0]]);
});
