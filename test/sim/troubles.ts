import type { Archive, ConfigFault, Damage, Happening, Snapshot, Spell, Witness } from './happening.ts';
import type { Dice } from './random.ts';

const faults: readonly ConfigFault[] = [
  'missing',
  'clobbered',
  'broken',
  'incomplete',
  'rejected',
  'rejected',
  'unreadable',
];
const damages: readonly Damage[] = ['missing', 'half', 'corrupted', 'hidden', 'ws'];
const witnesses: readonly Witness[] = ['idle', 'pinned', 'working', 'none'];

/** Things that happen in a row: seconds after the beginning of the chapter, and what. */
export type Chapter = readonly (readonly [number, Happening])[];

export const now = (...what: readonly Happening[]): Chapter => what.map((each) => [0, each] as const);
export const spell = (name: Spell, forS: number): Happening => ({ kind: 'spell', spell: name, forS });
export const crash: Happening = { kind: 'crash' };

export const hang = (d: Dice, why: 'plain' | 'descriptors' | 'host' = 'plain'): Happening => ({
  kind: 'hang',
  forS: d.seconds(2, d.chance(0.3) ? 4_000 : 300),
  witness: d.pick(witnesses),
  why,
});

export const edit = (d: Dice): Happening => ({ kind: 'edit', fault: d.pick(faults) });
export const goodEdit: Happening = { kind: 'edit', fault: null };
export const damage = (d: Dice): Happening => ({ kind: 'damage', damage: d.pick(damages) });

export function remedies(d: Dice): Happening {
  const some = <T>(from: readonly T[], most: number): readonly T[] =>
    Array.from({ length: d.whole(0, most) }, () => d.pick(from));
  return {
    kind: 'remedies',
    snapshots: some<Snapshot>(['good', 'good', 'rejected', 'hollow'], 5),
    archives: some<Archive>(['mends', 'mends', 'nothing', 'other'], 4),
    again: d.chance(0.15),
  };
}

/** Every few minutes it is lost, for a while. */
export function flapping(d: Dice): Chapter {
  const everyS = d.whole(70, 420);
  return Array.from(
    { length: d.whole(4, 10) },
    (_, index) => [index * everyS, d.chance(0.8) ? crash : hang(d)] as const,
  );
}

/** Each of these ends only by an action of the watchdog. */
export const needy = (d: Dice): Happening =>
  d.pick<Happening>([
    { kind: 'stop-job' },
    { kind: 'pend' },
    { kind: 'park', cause: 'gone' },
    { kind: 'stop-job' },
    { kind: 'pend' },
    { kind: 'hang', forS: 20_000, witness: 'idle', why: 'plain' },
    { kind: 'hang', forS: 20_000, witness: 'pinned', why: 'descriptors' },
  ]);

/** One trouble after another that wants an action, so close that a budget must end it; sometimes we die amid them. */
export function volley(d: Dice, everyS: readonly [number, number]): Chapter {
  let at = 0;
  return Array.from({ length: d.whole(5, 14) }, () => {
    at += d.whole(...everyS);
    const beside: readonly Happening[] = d.chance(0.25)
      ? [{ kind: 'we-die', downS: d.whole(1, 30), when: d.pick(['before-deed', 'after-deed']) }]
      : d.chance(0.12)
        ? [spell('hands-refuse', d.whole(10, 60))]
        : [];
    return [...beside, needy(d)].map((what) => [at, what] as const);
  }).flat();
}

export const order = (d: Dice): Happening => ({ kind: 'order', force: d.chance(0.3) });

/** An impatient operator: again and again, whatever the gateway is at. */
export function orders(d: Dice): Chapter {
  let at = 0;
  return Array.from({ length: d.whole(3, 8) }, () => {
    at += d.whole(1, 90);
    return [at, order(d)] as const;
  });
}
