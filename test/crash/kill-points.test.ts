import { afterAll, describe, expect, it } from 'vitest';
import { bundle } from '../robust/bundle.ts';
import { firstStartStory, hangStory, openStand, type Stand, type Told } from './story.ts';

/**
 * The watchdog is killed (SIGKILL) at its Nth call that changes a file or starts a program, a write torn in its
 * middle; then another one takes over. With IMMUNE_KILL_POINTS=all every N is tried, which takes minutes; otherwise a
 * handful: spread over the first start, and around the action.
 */
const every = process.env['IMMUNE_KILL_POINTS'] === 'all';
const limitMs = every ? 1_200_000 : 120_000;
const built = bundle();
afterAll(() => built.remove());

const on = (work: (stand: Stand) => Promise<void>) => async (): Promise<void> => {
  const stand = await openStand(built.path);
  try {
    await work(stand);
  } finally {
    await stand.close();
  }
};

/** All numbers from 1 to the last, or so many of them, evenly. */
function points(last: number, count: number): readonly number[] {
  const all = Array.from({ length: last }, (_each, at) => at + 1);
  return every
    ? all
    : all.filter((n) => Math.floor((n * count) / last) > Math.floor(((n - 1) * count) / last));
}

/** Where an action could be lost or done twice: its intent is written, it is carried out, its outcome is written. */
function aroundTheAction(calls: readonly string[]): readonly number[] {
  if (every) return points(calls.length, calls.length);
  const restart = calls.findIndex((call) => call.includes('kickstart -k')) + 1;
  expect(restart).toBeGreaterThan(4);
  return [restart - 4, restart - 2, restart, restart + 3];
}

interface Try {
  readonly points: readonly number[];
  readonly story: (stand: Stand, killAt: number) => Promise<Told>;
}

async function tryAll(stand: Stand, { points: chosen, story }: Try): Promise<void> {
  let killed = 0;
  for (const killAt of chosen) {
    const told = await story(stand, killAt);
    if (!told.survived) killed += 1;
    expect(told).toMatchObject({ problems: [] });
  }
  // A killer that never kills would prove nothing. The story's length varies a little, so the last few may outlive it.
  expect(killed).toBeGreaterThanOrEqual(chosen.length / 2);
}

describe.concurrent('a watchdog that is killed at any call', () => {
  it(
    'comes back at its very first start, knowing nothing and doubting nothing',
    on(async (stand) => {
      const whole = await firstStartStory(stand, 0);
      expect(whole).toMatchObject({ survived: true, problems: [] });
      await tryAll(stand, { points: points(whole.calls.length, 3), story: firstStartStory });
    }),
    limitMs,
  );

  // Two gateways side by side, each with half of the points: the stories wait more than they work.
  it.each([0, 1])(
    'comes back in the middle of a hang, replays, repeats no action, and the gateway serves again (half %i)',
    async (half) => {
      await on(async (stand) => {
        await firstStartStory(stand, 0);
        const whole = await hangStory(stand, 0);
        expect(whole).toMatchObject({ survived: true, problems: [], restarts: 1 });
        const mine = aroundTheAction(whole.calls).filter((_point, at) => at % 2 === half);
        await tryAll(stand, { points: mine, story: hangStory });
      })();
    },
    limitMs,
  );
});
