import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pinger, SendOutcome } from '../../src/alerts/channel.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { minutes, seconds } from '../../src/core/time.ts';
import { createDeadMan, type DeadMan } from '../../src/daemon/dead-man.ts';
import { moment } from '../core/story.ts';
import { listeningLog, type ManualClock, manualClock } from './alert-ground.ts';

let clock: ManualClock;
let pings: string[];
let answer: SendOutcome | 'hang' | 'throw';
let said: ReturnType<typeof listeningLog>;
let deadMan: DeadMan;

beforeEach(() => {
  clock = manualClock();
  pings = [];
  answer = { kind: 'delivered', because: 'OK' };
  said = listeningLog();
  const pinger: Pinger = {
    name: 'hc',
    kind: 'healthchecks',
    ping: async (kind) => {
      pings.push(kind);
      if (answer === 'throw') throw new Error('a bug');
      return answer === 'hang' ? new Promise<SendOutcome>(() => undefined) : answer;
    },
  };
  deadMan = createDeadMan({ clock, log: said.log, policy: () => defaultPolicy, pingers: () => [pinger] });
});
afterEach(() => deadMan.close());

const serving: State = { ...initialState, phase: { kind: 'healthy' }, cause: 'serving' };
const down: State = { ...initialState, phase: { kind: 'suspect' }, cause: 'crashed' };
const exhausted: State = { ...down, phase: { kind: 'exhausted', cause: 'crashed' } };

/** A look each ten seconds, as the loop makes them. */
async function looks(state: State, lengthMs: number): Promise<void> {
  for (let gone = 0; gone < lengthMs; gone += 10_000) {
    clock.advance(seconds(10));
    deadMan.seen(state);
    await new Promise(setImmediate);
  }
}

describe('the dead man', () => {
  it('says that all is well every five minutes, and nothing more', async () => {
    await looks(serving, minutes(60));
    expect(pings.every((kind) => kind === 'alive')).toBe(true);
    expect(pings.length).toBeGreaterThanOrEqual(11);
    expect(pings.length).toBeLessThanOrEqual(12);
  });

  it('is silent while the gateway is down, fails at once when nothing is left, once, and lives again at once', async () => {
    await looks(serving, minutes(1));
    await looks(down, minutes(30));
    expect(pings).toEqual(['alive']);
    await looks(exhausted, minutes(30));
    expect(pings).toEqual(['alive', 'fail']);
    await looks(serving, seconds(10));
    expect(pings).toEqual(['alive', 'fail', 'alive']);
  });

  it('goes on while paused, as long as the gateway serves', async () => {
    const phase = { kind: 'suspended', cause: 'paused', since: moment('00:00'), until: null } as const;
    await looks({ ...serving, phase }, minutes(11));
    expect(pings).toHaveLength(3);
    await looks({ ...down, phase }, minutes(30));
    expect(pings).toHaveLength(3);
  });

  it('vouches for nothing while the watchdog doubts itself', async () => {
    const phase = { kind: 'suspended', cause: 'own-fault', since: moment('00:00'), until: null } as const;
    await looks({ ...serving, phase }, minutes(30));
    expect(pings).toEqual([]);
  });

  it.each(['hang', 'throw', 'later'] as const)(
    'tries again within a minute or two where it does not get through (%s)',
    async (how) => {
      answer = how === 'later' ? { kind: 'later', because: 'no network', retryAfterMs: null } : how;
      await looks(serving, minutes(6));
      expect(pings.length).toBeGreaterThanOrEqual(3);
      expect(pings.length).toBeLessThanOrEqual(7);
      expect(said.lines.filter((line) => line.includes('could not be reached'))).toHaveLength(1);
      answer = { kind: 'delivered', because: 'OK' };
      await looks(serving, minutes(3));
      expect(said.lines.at(-1)).toContain('heard "alive"');
    },
  );

  it('ends soon, whatever is on its way', async () => {
    answer = 'hang';
    await looks(serving, seconds(10));
    await deadMan.close();
    await looks(serving, minutes(10));
    expect(pings).toHaveLength(1);
  });
});
