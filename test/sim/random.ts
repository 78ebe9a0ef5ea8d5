/** A small seeded generator (mulberry32): the same seed gives the same worlds on every machine and Node. */
export interface Dice {
  /** 0 up to, not including, 1. */
  next(): number;
  /** Both ends included. */
  whole(from: number, to: number): number;
  chance(share: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** Seconds: short ones as likely as long ones, so that every order of magnitude comes up. */
  seconds(from: number, to: number): number;
}

export function dice(seed: number): Dice {
  let state = (seed * 2_654_435_761 + 0x9e3779b9) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    whole,
    chance: (share) => next() < share,
    pick: (from) => {
      const picked = from[whole(0, from.length - 1)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
    seconds: (from, to) => Math.round(from * (to / from) ** next()),
  };
}
