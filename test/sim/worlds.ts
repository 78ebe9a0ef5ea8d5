import type { Happening, Story } from './happening.ts';
import { type Dice, dice } from './random.ts';
import {
  type Chapter,
  crash,
  damage,
  edit,
  flapping,
  goodEdit,
  hang,
  needy,
  now,
  order,
  orders,
  remedies,
  spell,
  volley,
} from './troubles.ts';

const dayS = 86_400;

/** What happens, and how often beside the others. */
const chapters: readonly (readonly [number, (d: Dice) => Chapter])[] = [
  [6, () => now(crash)],
  [8, (d) => now(hang(d))],
  [3, (d) => now(hang(d, 'descriptors'))],
  [1, (d) => now(hang(d, 'host'))],
  [2, (d) => now({ kind: 'deaf', forS: d.seconds(5, 2_000) })],
  [3, (d) => now(spell('slow-boots', d.seconds(20, 1_500)), crash)],
  [
    1,
    (d) => [
      [0, spell('slow-boots', d.whole(150, 900))],
      [0, crash],
      [d.whole(20, 120), { kind: 'sleep', forS: d.seconds(400, 9_000) }],
    ],
  ],
  [1, () => now({ kind: 'boot-stalls' })],
  [3, (d) => now(spell('mystery', d.seconds(10, 4_000)), crash)],
  [2, () => now({ kind: 'unload' })],
  [
    1,
    (d) => [
      [0, { kind: 'unload' }],
      [d.seconds(90, 1_500), { kind: 'unload' }],
    ],
  ],
  [2, () => now({ kind: 'pend' })],
  [2, () => now({ kind: 'stop-job' })],
  [2, () => now({ kind: 'late-relaunch' })],
  [
    2,
    (d) => [
      [0, { kind: 'stop' }],
      [d.seconds(30, 8_000), { kind: 'operator-starts' }],
    ],
  ],
  [
    1,
    (d) => [
      [0, { kind: 'stopping', forS: d.seconds(2, 400) }],
      [d.seconds(500, 8_000), { kind: 'operator-starts' }],
    ],
  ],
  [
    2,
    (d) => [
      [0, { kind: 'disable' }],
      [d.seconds(30, 8_000), { kind: 'operator-starts' }],
    ],
  ],
  [
    1,
    (d) => [
      [0, { kind: 'uninstall' }],
      [d.seconds(30, 8_000), { kind: 'operator-starts' }],
    ],
  ],
  [2, (d) => now({ kind: 'planned-restart', forS: d.seconds(1, 400) })],
  [3, (d) => now({ kind: 'park', cause: d.pick(['gone', 'present', 'lies', 'unclear']) })],
  [
    2,
    (d) => [
      [0, { kind: 'park', cause: 'present' }],
      [d.seconds(60, 3_000), { kind: 'park', cause: 'gone' }],
    ],
  ],
  [3, (d) => now(spell('foreign', d.seconds(5, 4_000)), crash)],
  [6, (d) => now(spell('orphan', d.seconds(5, 4_000)), crash)],
  [
    2,
    (d) =>
      now(
        spell('orphan', d.seconds(300, 4_000)),
        spell(d.pick(['hands-fail', 'hands-refuse', 'hands-stuck']), d.seconds(60, 600)),
        crash,
      ),
  ],
  [2, (d) => now(spell('lock', d.seconds(5, 4_000)), crash)],
  [
    3,
    (d) => {
      const forS = d.seconds(20, 5_000);
      return [
        [0, spell('update', forS)],
        [d.whole(1, forS), d.chance(0.4) ? damage(d) : { kind: 'user-reinstalls' }],
        [forS + 1, d.chance(0.8) ? { kind: 'operator-starts' } : crash],
      ];
    },
  ],
  [1, (d) => now(spell('update-unclear', d.seconds(20, 3_000)), d.chance(0.5) ? crash : { kind: 'unload' })],
  [2, (d) => now(spell('blind', d.seconds(20, 3_000)), d.chance(0.5) ? crash : hang(d))],
  [2, (d) => now(spell('no-domain', d.seconds(20, 3_000)), { kind: 'unload' })],
  [3, (d) => now(spell('disk', d.seconds(60, 9_000)), ...(d.chance(0.7) ? [crash] : []))],
  [2, (d) => now(spell('node', d.seconds(60, 4_000)), ...(d.chance(0.7) ? [crash] : []))],
  [2, (d) => now(spell('environment', d.seconds(60, 4_000)), ...(d.chance(0.7) ? [crash] : []))],
  [2, (d) => now(spell('schema', d.seconds(60, 4_000)), crash)],
  [2, (d) => now(spell('plugin', d.seconds(60, 4_000)), ...(d.chance(0.7) ? [crash] : []))],
  // Beside a gateway that serves on: what no repair mends, and a package that one would.
  [2, (d) => now(spell(d.pick(['node', 'environment', 'disk']), d.seconds(300, 9_000)), damage(d))],
  [1, (d) => now(spell('auth', d.seconds(60, 9_000)))],
  [1, (d) => now(spell('not-ready', d.seconds(60, 9_000)))],
  [1, (d) => now(spell('package-unclear', d.seconds(60, 3_000)))],
  [4, (d) => now(spell(d.pick(['hands-fail', 'hands-refuse', 'hands-stuck']), d.seconds(60, 4_000)))],
  [
    5,
    (d) => [
      [0, edit(d)],
      [d.seconds(1, 2_000), crash],
    ],
  ],
  [
    4,
    (d) => [
      [0, edit(d)],
      [d.seconds(1, 400), crash],
      [d.seconds(5, 2_000), d.chance(0.5) ? goodEdit : edit(d)],
    ],
  ],
  [
    2,
    (d) => [
      [0, edit(d)],
      [d.whole(1, 15), goodEdit],
    ],
  ],
  [
    6,
    (d) => [
      [0, damage(d)],
      [d.seconds(1, 2_000), crash],
    ],
  ],
  [
    2,
    (d) => [
      [0, damage(d)],
      [1, crash],
      [d.seconds(30, 3_000), { kind: 'user-reinstalls' }],
    ],
  ],
  // The founding incident: config, dependencies and port at once.
  [
    4,
    (d) => now(edit(d), damage(d), ...(d.chance(0.5) ? [spell('foreign', d.seconds(30, 2_000))] : []), crash),
  ],
  [3, (d) => [[0, { kind: 'grow', overS: d.seconds(600, 6_000), hangs: d.chance(0.6) }]]],
  [3, flapping],
  [4, (d) => volley(d, [20, 120])],
  [3, (d) => volley(d, [400, 2_400])],
  [
    3,
    (d) =>
      now(crash, ...Array.from({ length: 3 }, () => crash)).map(
        ([, what], index) => [index * d.whole(25, 60), what] as const,
      ),
  ],
  [8, (d) => now(remedies(d))],
  [
    5,
    (d) =>
      now({
        kind: 'we-die',
        downS: d.seconds(1, 3_000),
        when: d.pick(['now', 'now', 'before-deed', 'after-deed', 'after-deed']),
      }),
  ],
  [3, (d) => now({ kind: 'sleep', forS: d.seconds(10, 30_000) })],
  [2, (d) => now({ kind: 'starve', forS: d.seconds(3, 120) })],
  [3, (d) => now({ kind: 'clock-step', byS: d.pick([-1, 1]) * d.seconds(5, 40_000) })],
  [2, (d) => now({ kind: 'pause', forS: d.chance(0.7) ? d.seconds(60, 5_000) : null })],
  [3, () => now({ kind: 'resume' })],
  [4, (d) => now(order(d))],
  [2, orders],
  [2, (d) => now({ kind: 'pause', forS: d.seconds(60, 5_000) }, needy(d), order(d))],
  [
    2,
    (d) => [
      [0, needy(d)],
      [d.whole(1, 60), order(d)],
    ],
  ],
  [
    2,
    (d) => [
      [0, d.pick<Happening>([{ kind: 'stop' }, { kind: 'disable' }, { kind: 'unload' }])],
      [d.seconds(20, 3_000), order(d)],
    ],
  ],
  [
    2,
    (d) => [
      [0, d.chance(0.5) ? edit(d) : damage(d)],
      [d.whole(1, 60), order(d)],
    ],
  ],
  [3, () => now({ kind: 'repair' })],
  [1, () => now({ kind: 'acknowledge' })],
  [1, () => now({ kind: 'own-fault' })],
  [1, () => now({ kind: 'lose-outcome' })],
  [5, () => now({ kind: 'mend' })],
  [3, () => now({ kind: 'operator-starts' })],
];
const weights = chapters.reduce((sum, [weight]) => sum + weight, 0);

function chapter(d: Dice): Chapter {
  let left = d.next() * weights;
  for (const [weight, make] of chapters) {
    left -= weight;
    if (left < 0) return make(d);
  }
  return now(crash);
}

/** The world of a seed: one to three days of it, unless told otherwise. */
export function storyOf(seed: number, days: number | null): Story {
  const d = dice(seed);
  const lengthS = Math.round((days ?? d.whole(1, 3)) * dayS);
  const happenings: { atS: number; what: Happening }[] = [];
  // Some worlds are eventful, most are calm: troubles come in bursts, then there is peace for hours.
  let at = 60;
  while (at < lengthS) {
    for (let burst = d.whole(1, 5); burst > 0; burst -= 1) {
      for (const [afterS, what] of chapter(d)) happenings.push({ atS: at + afterS, what });
      at += d.chance(0.3) ? 0 : d.seconds(1, 2_500);
    }
    // Mostly a person comes within the hour: a start that fails every ten seconds for days shows nothing new.
    if (d.chance(0.9)) happenings.push({ atS: at + d.seconds(1, 4_000), what: { kind: 'mend' } });
    at += d.seconds(600, 40_000);
  }
  return {
    seed,
    mode: d.chance(0.04) ? 'observe' : 'act',
    lengthS,
    happenings: happenings.filter(({ atS }) => atS < lengthS).sort((a, b) => a.atS - b.atS),
  };
}
