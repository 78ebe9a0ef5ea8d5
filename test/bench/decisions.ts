// What one decision costs: decide() on looks of each kind, without any I/O.
//   node test/bench/decisions.ts
import { pathToFileURL } from 'node:url';
import { decide } from '../../src/core/decide.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { type Instant, instant } from '../../src/core/time.ts';
import * as ground from '../core/ground.ts';
import { acting } from '../core/story.ts';
import { dawn, frozen, relaunching, type Sight, serving, unloaded } from '../core/world.ts';
import { digits, load, machine, renderSection, row, type Section, show, spreadOf } from './figures.ts';

const rounds = 15;
const perRound = 20_000;
const warmUpRounds = 3;

interface Case {
  readonly name: string;
  readonly seen: Sight;
}

const cases: readonly Case[] = [
  { name: 'a serving gateway', seen: serving() },
  { name: 'a hung gateway', seen: frozen('idle') },
  {
    name: 'a crash loop with a refused config',
    seen: ground.on(relaunching, ground.rejected, ground.snapshot()),
  },
  { name: 'a job that was unloaded', seen: unloaded },
];

/** Microseconds a decision, one sample a round; the looks are a second apart and the evidence is made beforehand. */
function measure({ seen }: Case): readonly number[] {
  const samples: number[] = [];
  const looks = Array.from({ length: perRound }, (_, n) => seen(instant(dawn + n * 1_000)));
  for (let round = 0; round < rounds + warmUpRounds; round += 1) {
    let state: State = decide(
      initialState,
      { kind: 'observed', evidence: serving()(dawn) },
      dawn,
      acting,
    ).state;
    const began = process.hrtime.bigint();
    for (let n = 0; n < perRound; n += 1) {
      const evidence = looks[n];
      if (evidence === undefined) break;
      const now: Instant = evidence.at;
      const next = decide(state, { kind: 'observed', evidence }, now, acting);
      const [action] = next.actions;
      state =
        action === undefined
          ? next.state
          : decide(
              next.state,
              { kind: 'finished', actionId: action.id, outcome: { kind: 'failed', because: 'x' } },
              now,
              acting,
            ).state;
    }
    const us = Number(process.hrtime.bigint() - began) / 1_000 / perRound;
    if (round >= warmUpRounds) samples.push(us);
  }
  return samples;
}

export function measureDecisions(): Section {
  return {
    title: 'One decision',
    method: [
      `\`decide()\` on ${digits(perRound)} looks a second apart, ${rounds} rounds after ${warmUpRounds} that are not counted; the evidence is made beforehand.`,
    ],
    rows: cases.map((each) => row(each.name, show(spreadOf(measure(each)), 'µs'))),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${new Date().toISOString()}, ${machine()}, load average ${load()}\n`);
  console.log(renderSection(measureDecisions()));
}
