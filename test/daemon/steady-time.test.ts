import { describe, expect, it } from 'vitest';
import { type Clock, instant, millis } from '../../src/core/time.ts';
import { steadyClock } from '../../src/daemon/steady-time.ts';

function handClock(wall: number) {
  const hands = { wall, elapsed: 0 };
  const clock: Clock = {
    now: () => instant(hands.wall),
    elapsed: () => millis(hands.elapsed),
    sleep: async () => undefined,
  };
  return { hands, clock };
}

describe('the steady clock', () => {
  it('follows the monotonic clock when the wall clock steps, either way', () => {
    const { hands, clock } = handClock(1_000_000);
    const steady = steadyClock(clock, null);
    hands.elapsed = 5_000;
    hands.wall += 3_600_000;
    expect(steady.now()).toBe(1_005_000);
    hands.wall -= 7_200_000;
    hands.elapsed = 6_000;
    expect(steady.now()).toBe(1_006_000);
  });

  it('never begins before what was persisted last', () => {
    const { clock } = handClock(1_000);
    expect(steadyClock(clock, instant(9_000)).now()).toBe(9_000);
  });

  it('takes over the wall clock when it is anchored', () => {
    const { hands, clock } = handClock(1_000);
    const steady = steadyClock(clock, null);
    hands.wall = 50_000;
    hands.elapsed = 100;
    steady.anchor();
    expect(steady.now()).toBe(50_000);
  });
});
