import { describe, expect, it } from 'vitest';
import { instant, millis, seconds } from '../../../src/core/time.ts';
import { anySlot, matchesEntry, nextMinute } from '../../../src/system/embedded/calendar.ts';
import {
  exitTimeOutMs,
  lastExitOf,
  startDelayMs,
  startsWhenLoaded,
  throttleMs,
  wantsAnotherRun,
} from '../../../src/system/embedded/rules.ts';
import type { KeepAlive, ParsedJob } from '../../../src/system/launchd/job.ts';
import { parsePlist } from '../../../src/system/launchd/plist.ts';

const job = (change: Partial<ParsedJob>): ParsedJob => {
  const parsed = parsePlist(
    '<plist><dict><key>Label</key><string>a</string><key>Program</key><string>/a</string></dict></plist>',
  );
  if (parsed.kind === 'invalid') throw new Error(parsed.because);
  return { ...parsed.job, ...change };
};

const clean = lastExitOf(0, null);
const failing = lastExitOf(1, null);
const killed = lastExitOf(0, 'SIGKILL');
const crashed = lastExitOf(0, 'SIGSEGV');

describe('KeepAlive', () => {
  it.each<[KeepAlive, readonly boolean[]]>([
    [false, [false, false, false, false]],
    [true, [true, true, true, true]],
    [{}, [false, false, false, false]],
    [{ successfulExit: false }, [false, true, true, true]],
    [{ successfulExit: true }, [true, false, false, false]],
    [{ crashed: true }, [false, false, false, true]],
    [{ crashed: false }, [true, true, true, false]],
    [{ crashed: true, successfulExit: false }, [false, true, true, true]],
    [{ crashed: true, successfulExit: true }, [true, false, false, true]],
  ])('%j decides for clean exit, failure, SIGKILL and SIGSEGV', (keepAlive, decisions) => {
    expect([clean, failing, killed, crashed].map((exit) => wantsAnotherRun(keepAlive, exit))).toEqual(
      decisions,
    );
  });

  it('implies a start when the job is loaded, in every form but an empty or false one', () => {
    const forms: readonly KeepAlive[] = [true, { crashed: true }, { successfulExit: false }, false, {}];
    expect(forms.map((keepAlive) => startsWhenLoaded(job({ keepAlive })))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(startsWhenLoaded(job({ runAtLoad: true }))).toBe(true);
  });
});

describe('limits', () => {
  it("has launchd's defaults, and ignores a throttle of 0", () => {
    expect([null, 0, 1, 30].map((throttleInterval) => throttleMs(job({ throttleInterval })))).toEqual([
      10_000, 10_000, 1_000, 30_000,
    ]);
    expect([null, 0, 20].map((exitTimeOut) => exitTimeOutMs(job({ exitTimeOut })))).toEqual([
      5_000,
      null,
      20_000,
    ]);
  });

  it.each([
    ['never started', null, 0],
    ['started just now', 100_000, 10_000],
    ['started four seconds ago', 96_000, 6_000],
    ['ran longer than the throttle', 80_000, 0],
  ])('counts the throttle from the previous start: %s', (_name, lastStart, delay) => {
    const from = lastStart === null ? null : millis(lastStart);
    expect(startDelayMs(from, millis(100_000), seconds(10))).toBe(delay);
  });
});

describe('the calendar', () => {
  /** Sunday, 22 November 2026, in local time. */
  const at = (hour: number, minute: number, day = 22) =>
    instant(new Date(2026, 10, day, hour, minute, 30).getTime());

  it.each([
    [{}, true],
    [{ minute: 5 }, true],
    [{ minute: 6 }, false],
    [{ hour: 3, minute: 5 }, true],
    [{ hour: 4, minute: 5 }, false],
    [{ month: 11 }, true],
    [{ month: 12 }, false],
    [{ weekday: 0 }, true],
    [{ weekday: 7 }, true],
    [{ weekday: 1 }, false],
    [{ day: 22 }, true],
    [{ day: 23 }, false],
    [{ day: 23, weekday: 0 }, true],
    [{ day: 22, weekday: 1 }, true],
    [{ day: 23, weekday: 1 }, false],
  ])('matches %j on Sunday 22 November at 03:05: %s', (entry, matches) => {
    expect(matchesEntry(entry, at(3, 5))).toBe(matches);
  });

  it('makes one start of all slots a sleep missed, and none of a stretch without a slot', () => {
    const hourly = [{ minute: 5 }];
    expect(anySlot(hourly, at(3, 5), at(3, 59))).toBe(false);
    expect(anySlot(hourly, at(3, 4), at(3, 5))).toBe(true);
    expect(anySlot(hourly, at(3, 6), at(9, 0))).toBe(true);
    expect(anySlot([{ weekday: 0, hour: 3, minute: 0 }], at(4, 0), at(4, 0, 28))).toBe(false);
    expect(anySlot(hourly, at(9, 0), at(3, 0))).toBe(false);
  });

  it('wakes at the beginning of the next minute', () => {
    expect(nextMinute(instant(60_000))).toBe(120_000);
    expect(nextMinute(instant(119_999))).toBe(120_000);
  });
});

it("tells signals by launchd's own words", () => {
  expect(killed).toEqual({ kind: 'signal', signal: 9, name: 'Killed' });
  expect(lastExitOf(0, 'SIGTERM')).toEqual({ kind: 'signal', signal: 15, name: 'Terminated' });
  expect(lastExitOf(0, 'SIGPWR')).toEqual({ kind: 'other', text: 'SIGPWR' });
});
