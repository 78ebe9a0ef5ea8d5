import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Command, decide, type Event } from '../../src/core/decide.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { type Action, initialState, type State } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';
import { type Fault, simulateGateway } from './simulated-gateway.ts';
import { acting, observing } from './story.ts';
import type { Witness } from './world.ts';

/** One thing after another: what strikes, or what happens to the watchdog, and how long it is then left alone. */
type Happening =
  | { readonly kind: 'fault'; readonly fault: Fault; readonly witness: Witness }
  | { readonly kind: 'we-die' | 'sleep' | 'pause'; readonly forS: number }
  | { readonly kind: 'resume' };
interface Chapter {
  readonly happening: Happening;
  readonly thenS: number;
}

const seed = 20_260_922;
const stateBytesAllowed = 16_000;
const forS = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 100 }) },
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 1_500 }) },
);
const of = <K extends string>(kind: K) => fc.constant({ kind });
const lasting = <K extends string>(kind: K) => fc.record({ kind: fc.constant(kind), forS });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 6, arbitrary: lasting('hang') },
  lasting('slow-boot'),
  fc.record({ kind: fc.constant('slow-boot' as const), forS: fc.integer({ min: 700, max: 1_500 }) }),
  of('crash'),
  of('unload'),
  of('unload'),
  of('pend'),
  of('stop'),
  of('disable'),
  { weight: 4, arbitrary: of('operator-starts') },
  lasting('foreign-port'),
  lasting('update'),
  lasting('blind'),
  lasting('no-domain'),
  lasting('crash-loop'),
  lasting('hands-fail'),
  lasting('clock-step'),
  fc.record({ kind: fc.constant('park' as const), cause: fc.constantFrom('gone', 'present', 'lies') }),
);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      fault,
      witness: fc.constantFrom<Witness[]>('idle', 'pinned', 'working', 'none'),
    }),
  },
  lasting('we-die'),
  lasting('sleep'),
  lasting('pause'),
  of('resume'),
);
const chapters = fc.array(
  fc.record({ happening, thenS: fc.oneof(forS, fc.integer({ min: 1, max: 20 }), fc.constant(900)) }),
  {
    minLength: 1,
    maxLength: 14,
  },
);

const reached = new Map<string, number>();
const note = (what: string): void => void reached.set(what, (reached.get(what) ?? 0) + 1);

function live(story: readonly Chapter[], mode: 'act' | 'observe', delays: readonly number[]): void {
  const gateway = simulateGateway();
  const rules = mode === 'act' ? acting : observing;
  let state: State = initialState;
  let flying: { action: Action; leftMs: number } | null = null;
  let gapMs = 0;
  const announced: { id: string; at: number }[] = [];
  const heard = new Map<string, string[]>();

  const take = (event: Event): void => {
    const before = state;
    const next = decide(before, event, gateway.now(), rules);
    state = next.state;
    // The state grows only with what is told or done, so its size is looked at then.
    if (next.notices.length > 0) expect(JSON.stringify(state).length).toBeLessThan(stateBytesAllowed);
    for (const notice of next.notices) {
      note(`notice ${notice.kind}`);
      if (notice.incident === null) continue;
      heard.set(notice.incident, [...(heard.get(notice.incident) ?? []), notice.kind]);
    }
    if (next.actions.length > 1) throw new Error('more than one action at once');
    for (const action of next.actions) {
      note(`action ${action.step.kind}`);
      expect(gateway.forbidden()).toBeNull();
      expect({ mode, flying, pause: before.pause === null }).toEqual({
        mode: 'act',
        flying: null,
        pause: true,
      });
      announced.push({ id: action.id, at: gateway.now() });
      for (const window of [defaultPolicy.burst, defaultPolicy.sustained]) {
        const inside = announced.filter(({ at }) => gateway.now() - at < window.windowMs);
        expect(inside.length).toBeLessThanOrEqual(window.limit);
      }
      flying = { action, leftMs: 1_000 * (delays[announced.length % delays.length] ?? 5) };
    }
    note(`phase ${state.phase.kind}`);
    note(`cause ${state.cause}`);
  };

  const land = (): void => {
    if (flying === null) return;
    const { action } = flying;
    flying = null;
    const kind = gateway.perform(action.step);
    note(`outcome ${kind}`);
    if (kind === 'refused')
      announced.splice(
        announced.findIndex(({ id }) => id === action.id),
        1,
      );
    take({ kind: 'finished', actionId: action.id, outcome: { kind, because: 'so it went' } });
  };

  /** Moves the world on, with an action in flight landing on its way. */
  const pass = (ms: number): void => {
    if (flying !== null && flying.leftMs <= ms) {
      const first = flying.leftMs;
      gateway.advance(first);
      land();
      gateway.advance(ms - first);
      return;
    }
    if (flying !== null) flying.leftMs -= ms;
    gateway.advance(ms);
  };

  const watch = (lengthMs: number): void => {
    const end = gateway.now() + lengthMs;
    while (gateway.now() < end) {
      const seen = gateway.look(gapMs);
      gapMs = 0;
      take({ kind: 'observed', evidence: seen });
      const calm = state.phase.kind === 'healthy' || state.phase.kind === 'exhausted';
      pass(
        calm ? defaultPolicy.tickMs : seen.healthz.kind === 'timeout' ? 5_000 : defaultPolicy.urgentTickMs,
      );
    }
  };

  const command = (given: Command): void => take({ kind: 'commanded', command: given });
  const happen = (what: Happening): void => {
    switch (what.kind) {
      case 'fault':
        note(`fault ${what.fault.kind}`);
        gateway.strike(what.fault, what.witness);
        break;
      case 'sleep':
        note('sleep');
        gateway.sleep(what.forS * 1_000);
        gapMs = what.forS * 1_000;
        break;
      case 'pause':
        command({
          kind: 'pause',
          until: instant(gateway.now() + what.forS * 1_000),
          because: 'asked for',
        });
        break;
      case 'resume':
        command({ kind: 'resume' });
        break;
      case 'we-die': {
        state = JSON.parse(JSON.stringify(state)) as State;
        const lost = flying?.action ?? null;
        // Half of those deaths come after the deed was done.
        if (lost !== null && what.forS % 2 === 0) gateway.perform(lost.step);
        flying = null;
        gateway.advance(what.forS * 1_000);
        note(lost === null ? 'death' : 'death in an action');
        if (lost !== null) take({ kind: 'interrupted', actionId: lost.id });
        break;
      }
      default:
        what satisfies never;
    }
  };

  gateway.mend();
  watch(20_000);
  for (const { happening: what, thenS } of story) {
    happen(what);
    watch(thenS * 1_000);
  }
  command({ kind: 'resume' });
  gateway.mend();
  watch(300_000);
  expect({ phase: state.phase.kind, incident: state.incident }).toEqual({ phase: 'healthy', incident: null });
  for (const [, kinds] of heard) {
    expect(kinds.filter((kind) => kind === 'opened')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'exhausted').length).toBeLessThanOrEqual(1);
    expect(kinds.filter((kind) => kind === 'resolved' || kind === 'closed')).toHaveLength(1);
    expect(kinds.at(-1)).toMatch(/resolved|closed/);
  }
}

describe('simulated lives of a gateway', () => {
  const delays = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 });

  test('no world makes the watchdog exceed a guard, and every incident that heals ends in one notice', () => {
    fc.assert(
      fc.property(chapters, delays, (story, slow) => live(story, 'act', slow)),
      { seed, numRuns: 400 },
    );
  }, 60_000);

  test('observing only never acts in any world, and ends its incidents all the same', () => {
    fc.assert(
      fc.property(chapters, delays, (story, slow) => live(story, 'observe', slow)),
      { seed, numRuns: 60 },
    );
  }, 60_000);

  test('the worlds reached every situation they are there to prove', () => {
    const kinds = [
      'action restart',
      'action start',
      'action reload',
      'action unpark',
      'outcome done',
      'outcome failed',
      'outcome refused',
      'death',
      'death in an action',
      'sleep',
      'notice opened',
      'notice exhausted',
      'notice resolved',
      'notice closed',
      'notice told',
      'phase repairing',
      'phase probation',
      'phase suspended',
      'cause hung',
      'cause crash-loop',
      'cause boot-stalled',
      'cause unloaded-again',
      'cause parked-again',
      'cause parked-cause-present',
      'cause port-foreign',
      'cause update-running',
      'cause stopped-by-operator',
      'cause disabled-by-operator',
      'cause pended',
      'cause no-domain',
      'cause unknown',
    ];
    expect(kinds.filter((kind) => !reached.has(kind))).toEqual([]);
  });
});
