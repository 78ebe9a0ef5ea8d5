import { describe, expect, it } from 'vitest';
import { initialState, type State } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';
import { carryOut } from '../../src/daemon/carry-out.ts';
import type { Loop } from '../../src/daemon/loop.ts';
import type { Trials } from '../../src/daemon/trial-parts.ts';
import { systemClock } from '../../src/system/clock.ts';

const at = instant(0);
const suspended = (cause: 'paused' | 'journal-in-doubt' | 'own-fault'): Partial<State> => ({
  phase: { kind: 'suspended', cause, since: at, until: null },
});

async function resume(change: Partial<State>) {
  const written: string[] = [];
  const loop = {
    state: () => ({ ...initialState, ...change }),
    command: async (_command: unknown, because: string) => {
      written.push(because);
      return true;
    },
  };
  const answer = await carryOut({ kind: 'resume', by: 'immune resume' }, loop as unknown as Loop, {
    clock: systemClock(),
    rules: () => {
      throw new Error('not asked');
    },
    trials: {} as Trials,
  });
  return { answer, written };
}

describe('resume', () => {
  it('with nothing paused says so, and writes nothing', async () => {
    for (const phase of [{ kind: 'healthy' }, { kind: 'exhausted', cause: 'hung' }] as const) {
      const { answer, written } = await resume({ phase });
      expect(answer).toEqual({ ok: true, text: 'nothing was paused: nothing to do' });
      expect(written).toEqual([]);
    }
  });

  it.each<[string, Partial<State>]>([
    ['a pause that no look has seen yet', { pause: { since: at, until: null, because: 'x' } }],
    ['a pause', { pause: { since: at, until: null, because: 'x' }, ...suspended('paused') }],
    ['a doubt in the journal', suspended('journal-in-doubt')],
    ['a bug of ours', suspended('own-fault')],
  ])('ends %s', async (_, change) => {
    const { answer, written } = await resume(change);
    expect(answer).toEqual({ ok: true, text: 'resumed' });
    expect(written).toEqual(['Resumed by immune resume']);
  });
});
