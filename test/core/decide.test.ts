import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide, type Event } from '../../src/core/decide.ts';
import { readiness } from '../../src/core/health.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { instant, plus, seconds } from '../../src/core/time.ts';
import { anyEvidence } from './any-evidence.ts';
import { acting, observing } from './story.ts';
import { dawn } from './world.ts';

const seed = 20_260_922;

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 12,
    arbitrary: anyEvidence.map((evidence): Event => ({ kind: 'observed', evidence })),
  },
  fc
    .record({
      actionId: fc.constantFrom('A1', 'A2', 'A3'),
      how: fc.constantFrom('done', 'failed', 'refused'),
    })
    .map(
      ({ actionId, how }): Event => ({
        kind: 'finished',
        actionId,
        outcome: { kind: how, because: '' },
      }),
    ),
  fc.constantFrom('A1', 'A2', 'A3').map((actionId): Event => ({ kind: 'interrupted', actionId })),
  fc.option(fc.integer({ min: 1, max: 600 }), { nil: null }).map(
    (forS): Event => ({
      kind: 'commanded',
      command: {
        kind: 'pause',
        until: forS === null ? null : plus(dawn, seconds(forS)),
        because: '',
      },
    }),
  ),
  fc
    .constantFrom('resume' as const, 'repair' as const, 'acknowledge' as const)
    .map((kind): Event => ({ kind: 'commanded', command: { kind } })),
);
/** The same sight may last: repeated looks are what thresholds and graces are about. */
const anyLife = fc.array(
  fc.record({
    event: anyEvent,
    times: fc.integer({ min: 1, max: 20 }),
    everyS: fc.constantFrom(0, 1, 5, 30, 400),
  }),
  { maxLength: 12 },
);

test('whatever the evidence, decide answers, keeps its guards, and its state is plain data', () => {
  let acted = 0;
  fc.assert(
    fc.property(anyLife, fc.boolean(), (life, observe) => {
      const rules = observe ? observing : acting;
      let state: State = initialState;
      let now = dawn;
      for (const { event, times, everyS } of life) {
        for (let n = 0; n < times; n += 1) {
          now = plus(now, seconds(everyS));
          const before = state;
          const next = decide(before, event, now, rules);
          state = next.state;
          if (next.because === '') throw new Error('a decision without a because');
          if (next.actions.length === 0) continue;
          acted += 1;
          expect(next.actions).toHaveLength(1);
          expect(observe).toBe(false);
          expect(next.notices.some((notice) => notice.kind === 'action')).toBe(true);
          const { pause, phase } = before;
          const over = pause === null || (pause.until !== null && now >= pause.until);
          expect(over).toBe(true);
          expect(phase.kind === 'suspended' && phase.cause === 'own-fault').toBe(false);
          if (event.kind !== 'observed') throw new Error('only a look may lead to an action');
          const { evidence } = event;
          // Beside a gateway that serves nothing is ever done but to put back what is gone of its package.
          const { dependencies } = evidence.ground;
          const isGone = dependencies.kind === 'corrupted' ? dependencies.lost : true;
          const mends = next.actions[0]?.step.kind === 'reinstall' && isGone;
          expect(readiness(evidence).ready && !mends).toBe(false);
          expect(evidence.update.kind).toMatch(/none|stale/);
          expect(evidence.service.kind).toMatch(/running|scheduled|pended|stopped|not-loaded/);
          expect(evidence.listener.kind === 'foreign' && evidence.service.kind !== 'not-loaded').toBe(false);
        }
      }
      const text = JSON.stringify(state);
      expect(JSON.parse(text)).toEqual(state);
      expect(text.length).toBeLessThan(16_000);
    }),
    { seed, numRuns: 4_000 },
  );
  expect(acted).toBeGreaterThan(100);
}, 60_000);

test('the same state, event and moment give the same decision, and the state given is left as it was', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const frozen = Object.freeze({ ...initialState });
      const at = instant(dawn + 1_000);
      expect(decide(frozen, event, at, acting)).toEqual(decide(frozen, event, at, acting));
      expect(frozen).toEqual(initialState);
    }),
    { seed, numRuns: 300 },
  );
});
