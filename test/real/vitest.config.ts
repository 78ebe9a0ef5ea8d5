import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import CountingReporter from './counting-reporter.ts';

/** How long the files take, in seconds beside another one (November 2026): only how well the halves are balanced rests on it. */
const seconds: Readonly<Record<string, number>> = {
  'fault-matrix': 690,
  'dependency-recovery': 480,
  'config-recovery': 470,
  operator: 470,
  'own-death': 430,
  'unload-and-park': 400,
  'slow-boot-and-update': 390,
  'crash-and-hang': 360,
  'safe-start': 300,
  'launchd-failures': 290,
  'config-unproven': 280,
  'founding-incident': 230,
  'older-version': 220,
  apply: 190,
  trust: 180,
  lifeboat: 130,
  harness: 130,
  'dependency-older': 120,
  alerts: 90,
};

const secondsOf = ({ moduleId }: TestSpecification): number =>
  Object.entries(seconds).find(([name]) => moduleId.includes(`/${name}.real.ts`))?.[1] ?? 30;

const longestFirst = (files: readonly TestSpecification[]): TestSpecification[] =>
  files.toSorted((a, b) => secondsOf(b) - secondsOf(a) || (a.moduleId < b.moduleId ? -1 : 1));

/** Each half the same time: the next longest file to the half that has less so far. */
class Balanced extends BaseSequencer {
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index, count } = this.ctx.config.shard ?? { index: 1, count: 1 };
    const parts = Array.from({ length: count }, () => ({ sum: 0, files: [] as TestSpecification[] }));
    for (const file of longestFirst(files)) {
      const least = parts.reduce((a, b) => (b.sum < a.sum ? b : a));
      least.files.push(file);
      least.sum += secondsOf(file);
    }
    return parts[index - 1]?.files ?? [];
  }

  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return longestFirst(files);
  }
}

// One file at a time: what a scenario runs (an npm, a gateway of no home) is seen by all others that share its processes.
// As root run.ts starts two halves, each among its own. A gateway takes 700 MB and its boot a whole core; with three at a
// time on two cores each scenario took half as long again, and the whole no less time.
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/real/**/*.real.ts'],
    fileParallelism: false,
    sequence: { sequencer: Balanced },
    // What a scenario prints when it fails goes straight out: the reporter below prints results only.
    disableConsoleIntercept: true,
    // A scenario boots gateways (12 s, more on a busy machine) and watches minutes of policy time; one takes ten.
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
    reporters: [new CountingReporter()],
  },
});
