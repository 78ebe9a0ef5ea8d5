import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { beginBisect, nextTrial, noteTrial } from '../../src/core/bisect.ts';

interface Search {
  readonly trials: readonly (readonly number[])[];
  readonly end:
    | { readonly kind: 'found'; readonly restore: readonly number[] }
    | { readonly kind: 'gave-up' };
}

/** A config is valid once every faulty change is taken back. */
function search(n: number, maxTrials: number, faults: readonly number[]): Search {
  const trials: (readonly number[])[] = [];
  for (let bisect = beginBisect(n, maxTrials); ; ) {
    const step = nextTrial(bisect);
    if (step.kind !== 'try') return { trials, end: step };
    trials.push(step.restore);
    bisect = noteTrial(
      bisect,
      faults.every((fault) => step.restore.includes(fault)),
    );
  }
}

test.each(Array.from({ length: 10 }, (_, fault) => fault))(
  'of ten changes the faulty number %i is found within five trials',
  (fault) => {
    const { trials, end } = search(10, 5, [fault]);
    expect(end).toEqual({ kind: 'found', restore: [fault] });
    expect(trials.length).toBeLessThanOrEqual(5);
  },
);

describe('step by step', () => {
  test('a valid half is searched on, an invalid one is left for the other', () => {
    expect(search(10, 9, [6])).toEqual({
      trials: [[0, 1, 2, 3, 4], [5, 6, 7], [5, 6], [5], [6]],
      end: { kind: 'found', restore: [6] },
    });
  });

  test('two faults in one half end with the smallest set that was valid', () => {
    expect(search(10, 9, [0, 4]).end).toEqual({ kind: 'found', restore: [0, 1, 2, 3, 4] });
  });

  test('two faults in two halves end with giving up', () => {
    expect(search(10, 9, [0, 9])).toEqual({
      trials: [[0, 1, 2, 3, 4], [5, 6, 7], [8], [9]],
      end: { kind: 'gave-up' },
    });
  });

  test('a valid set stands when the trials run out', () => {
    expect(search(100, 1, [3]).end).toEqual({
      kind: 'found',
      restore: Array.from({ length: 50 }, (_, index) => index),
    });
    expect(search(100, 1, [93]).end).toEqual({ kind: 'gave-up' });
  });

  test('a single change is tried, too', () => {
    expect(search(1, 5, [0])).toEqual({ trials: [[0]], end: { kind: 'found', restore: [0] } });
    expect(search(1, 5, [7])).toEqual({ trials: [[0]], end: { kind: 'gave-up' } });
  });

  test('without changes or without trials there is nothing to find', () => {
    expect(search(0, 5, []).end).toEqual({ kind: 'gave-up' });
    expect(search(5, 0, [1]).end).toEqual({ kind: 'gave-up' });
    const over = beginBisect(5, 0);
    expect(noteTrial(over, true)).toBe(over);
  });
});

test('whatever is at fault: no more trials than allowed, and only what was tried and valid is found', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(8), fc.array(fc.nat(60), { maxLength: 4 }), (n, maxTrials, faults) => {
      const { trials, end } = search(n, maxTrials, faults);
      expect(trials.length).toBeLessThanOrEqual(maxTrials);
      expect(new Set(trials.map(String)).size).toBe(trials.length);
      if (end.kind === 'gave-up') return;
      expect(trials).toContainEqual(end.restore);
      expect(end.restore).toEqual(expect.arrayContaining(faults));
    }),
  );
});
