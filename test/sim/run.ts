import { parseArgs } from 'node:util';
import { live } from './live.ts';
import { missing } from './reached.ts';
import { shrink } from './shrink.ts';
import { createTally } from './tally.ts';
import { storyOf } from './worlds.ts';

/** Failing worlds beyond these are only counted. */
const shownFailures = 3;
/** Fewer worlds than these need not have come by everything. */
const seedsForAll = 1_000;

const usage = 'usage: npm run sim -- [--seeds 100] [--from 1] [--days D] [--first] [--counters] [--full]';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    days: { type: 'string' },
    /** Ends at the first failing world, and tells no more than what it did wrong. */
    first: { type: 'boolean', default: false },
    counters: { type: 'boolean', default: false },
    /** Prints the life of each world, the whole story as it is. */
    full: { type: 'boolean', default: false },
  },
});

const [seeds, from, days] = [
  Number(values.seeds),
  Number(values.from),
  values.days === undefined ? null : Number(values.days),
];
if (!Number.isInteger(seeds) || seeds < 1 || !Number.isInteger(from) || (days !== null && !(days > 0))) {
  console.error(usage);
  process.exit(2);
}

const total = createTally();
const failed: number[] = [];
let lived = 0;
let simulatedDays = 0;
let cpuS = 0;

for (let seed = from; seed < from + seeds; seed += 1) {
  const began = process.cpuUsage();
  const story = storyOf(seed, days);
  const life = live(story, { skip: true, transcript: values.full });
  const used = process.cpuUsage(began);
  cpuS += (used.user + used.system) / 1e6;
  lived += 1;
  simulatedDays += life.at / 86_400_000;
  total.add(life.tally.counts);
  if (values.full) console.log(life.transcript.join('\n'));
  if (life.violation === null) continue;
  failed.push(seed);
  if (values.first) {
    console.log(`world ${seed} fails: ${life.violation}`);
    break;
  }
  if (failed.length <= shownFailures) {
    const short = values.full ? story : shrink(story);
    const again = live(short, { skip: true, transcript: true });
    console.log(`world ${seed} fails: ${again.violation ?? life.violation}`);
    console.log(again.transcript.map((line) => `    ${line}`).join('\n'));
    console.log(`  again: npm run sim -- --seeds 1 --from ${seed}${days === null ? '' : ` --days ${days}`}`);
  }
}

const unreached = lived >= seedsForAll ? missing(total.counts) : [];
if (values.counters) {
  for (const [what, times] of [...total.counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${times}\t${what}`);
}
for (const what of unreached) console.log(`not reached: ${what}`);
if (failed.length > 0) console.log(`failing worlds: ${failed.slice(0, 50).join(', ')}`);
const count = (what: string): number => total.counts.get(what) ?? 0;
const actions = ['restart', 'start', 'reload', 'unpark', 'end-orphan', 'reinstall', 'rollback', 'undo'];
console.log(
  [
    `${lived} seeds`,
    `${simulatedDays.toFixed(0)} simulated days`,
    `${cpuS.toFixed(1)} CPU s`,
    `${(simulatedDays / cpuS).toFixed(0)} days per CPU second`,
    `${count('looks')} looks`,
    `${count('ticks skipped')} skipped`,
    `${count('incidents')} incidents`,
    `${count('notice exhausted')} exhausted`,
    `${count('notice resolved')} resolved`,
    ...actions.map((kind) => `${count(`action ${kind}`)} ${kind}`),
    `${count('death') + count('death before the deed') + count('death after the deed')} deaths`,
  ].join(', '),
);
console.log(
  `${lived - failed.length} passed, ${failed.length + (unreached.length > 0 ? 1 : 0)} failed, 0 skipped`,
);
process.exitCode = failed.length + unreached.length > 0 ? 1 : 0;
