import { describe, expect, test } from 'vitest';
import { live } from './live.ts';
import { missing } from './reached.ts';
import { createTally } from './tally.ts';
import { storyOf } from './worlds.ts';

const brisk = { skip: true, transcript: false };
const told = { skip: true, transcript: true };
const busyMachineMs = 120_000;
const seeds = (from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => from + index);

describe('simulated lives of a gateway', () => {
  test(
    'in no world does the watchdog break a promise',
    () => {
      const broken = seeds(1, 25).flatMap((seed) => {
        const { violation } = live(storyOf(seed, null), brisk);
        return violation === null ? [] : [`npm run sim -- --seeds 1 --from ${seed}: ${violation}`];
      });
      expect(broken).toEqual([]);
    },
    busyMachineMs,
  );

  test('a story is lived the same way each time', () => {
    const story = storyOf(7, 1);
    expect(live(story, told).transcript).toEqual(live(story, told).transcript);
  });

  test(
    'leaving out the ticks on which nothing changes changes nothing: not one notice, action or phase, nor its moment',
    () => {
      let skipped = 0;
      for (const seed of seeds(100, 8)) {
        const story = storyOf(seed, 0.5);
        const brisk_ = live(story, told);
        expect(brisk_.transcript, `seed ${seed}`).toEqual(
          live(story, { skip: false, transcript: true }).transcript,
        );
        skipped += brisk_.tally.counts.get('ticks skipped') ?? 0;
      }
      expect(skipped).toBeGreaterThan(5_000);
    },
    busyMachineMs,
  );

  test(
    'a few worlds come by every phase, rung and kind of action, and what they miss is named',
    () => {
      const tally = createTally();
      for (const seed of seeds(200, 15)) tally.add(live(storyOf(seed, null), brisk).tally.counts);
      const missed = missing(tally.counts);
      expect(missed.filter((what) => /^(phase|rung|action|notice|outcome) /.test(what))).toEqual([]);
      expect(missing(new Map())).toContain('cause hung');
      expect(missing(new Map())).toContain('probation > healthy');
    },
    busyMachineMs,
  );

  test('a gateway that serves and is left alone is never touched, and nobody hears of it', () => {
    const { violation, tally } = live({ seed: 1, mode: 'act', lengthS: 86_400, happenings: [] }, brisk);
    expect(violation).toBeNull();
    expect([...tally.counts.keys()].filter((what) => /^(action|notice)/.test(what))).toEqual([]);
  });
});
