import { describe, expect, it } from 'vitest';
import { statusJson } from '../../src/cli/status/json.ts';
import { renderStatus, statusKey } from '../../src/cli/status/render.ts';
import type { StatusFacts } from '../../src/cli/status/view.ts';
import { minutes, plus, seconds } from '../../src/core/time.ts';
import type { Trial } from '../../src/core/trial.ts';
import { type SnapshotsView, type StatusFile, trialViewOf } from '../../src/daemon/status-file.ts';
import { earlier, facts, now, statusFile } from './status-facts.ts';

const snapshots: SnapshotsView = {
  newestAt: earlier(minutes(3)),
  verifiedAt: earlier(minutes(300)),
  bytes: 4_000_000,
  problem: null,
};
const withFile = (file: Partial<StatusFile>, change: Partial<StatusFacts> = {}): StatusFacts =>
  facts({ file: { kind: 'read', status: statusFile({}, file) }, ...change });
const line = (shown: StatusFacts, label: string): string =>
  renderStatus(shown)
    .split('\n')
    .find((text) => text.startsWith(label)) ?? '';

describe('the snapshots in the status', () => {
  it.each<[string, SnapshotsView | null | undefined, string]>([
    [
      'the age of the newest and of the newest verified',
      snapshots,
      'newest 3 min old, newest verified 5 h old',
    ],
    [
      'that none is verified',
      { ...snapshots, verifiedAt: null },
      'newest 3 min old, none verified yet: until',
    ],
    ['that there is none', { ...snapshots, newestAt: null, verifiedAt: null }, 'none yet'],
    ['nothing where nothing is known', null, ''],
    ['nothing where an older watchdog wrote the status', undefined, ''],
  ])('tell %s', (_name, view, words) => {
    const shown = line(withFile(view === undefined ? {} : { snapshots: view }), 'snapshots');
    expect(shown.slice('snapshots  '.length)).toContain(words);
    expect(shown === '').toBe(words === '');
  });

  it('tell of a broken repository and of a large one', () => {
    const shown = withFile({ snapshots: { ...snapshots, bytes: 230 * 1_048_576, problem: 'it is damaged' } });
    expect(renderStatus(shown)).toContain('need a look ("immune snapshots verify"): it is damaged\n');
    expect(renderStatus(shown)).toContain('the snapshots take 230 MB; their history is kept whole\n');
    const atBound = withFile({ snapshots: { ...snapshots, bytes: 200 * 1_048_576 } });
    expect(renderStatus(atBound)).not.toContain('the snapshots take');
    expect(statusKey(shown)).not.toBe(statusKey(withFile({ snapshots })));
  });

  it('are in the JSON, known or not', () => {
    expect(statusJson(withFile({ snapshots: { ...snapshots, problem: 'gone' } }))).toMatchObject({
      snapshots: {
        newest: '2026-11-22T11:57:00.000Z',
        verified: '2026-11-22T07:00:00.000Z',
        bytes: 4_000_000,
        problems: ['the snapshots need a look ("immune snapshots verify"): gone'],
      },
      trial: null,
    });
    expect(statusJson(facts({ file: { kind: 'missing' } }))).toMatchObject({
      snapshots: { newest: null, verified: null, bytes: null, problems: [] },
      trial: null,
    });
  });
});

const trial: Trial = {
  version: 1,
  id: 'T3',
  kind: 'apply',
  appliedAt: earlier(seconds(20)),
  watchUntil: plus(now, minutes(9)),
  confirmBy: plus(now, seconds(100)),
  confirmed: false,
  restart: 'none',
  replaced: 'a',
  left: 'b',
  planId: 'p',
  changes: [],
  by: 'immune apply',
  pidBefore: null,
  bootsBefore: 0,
  undoing: null,
  end: null,
};
const onTrial = (change: Partial<Trial>, more: Partial<StatusFacts> = {}): StatusFacts =>
  withFile({ trial: trialViewOf({ ...trial, ...change }) }, more);

describe('a config on trial', () => {
  it.each<[string, Partial<Trial>, string]>([
    [
      'that waits to be confirmed',
      {},
      'T3: an applied config is taken back in 100 s, unless it is confirmed: immune confirm',
    ],
    ['that was confirmed', { confirmed: true }, 'T3: an applied config is on trial for 9 min at most'],
    [
      'that nobody has to confirm',
      { confirmBy: null, kind: 'fix' },
      'T3: a mended config is on trial for 9 min at most',
    ],
    [
      'that could not be taken back yet',
      { undoing: { because: 'nobody confirmed it', why: 'unconfirmed', tries: 2, triedAt: now, told: [] } },
      'T3: an applied config is being taken back, and that is tried again until it is done: nobody confirmed it',
    ],
    ['that has come to its end', { end: { kind: 'holds', at: now, because: '', told: true } }, ''],
  ])('%s', (_name, change, words) => {
    expect(line(onTrial(change), 'trial').slice('trial      '.length)).toContain(words);
    expect(line(onTrial(change), 'trial') === '').toBe(words === '');
  });

  it('is not judged while the watchdog is down', () => {
    expect(line(onTrial({}, { daemonProcess: 'dead' }), 'trial')).toContain('judges it when it runs again');
  });

  it('is in the JSON with its deadline', () => {
    expect(statusJson(onTrial({}))).toMatchObject({
      trial: { id: 'T3', kind: 'apply', until: '2026-11-22T12:01:40.000Z', mustConfirm: true, undoing: null },
    });
    expect(trialViewOf(null)).toBeNull();
  });
});
