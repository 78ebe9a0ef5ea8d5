import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import CountingReporter from './counting-reporter.ts';

/** The longest files first: started last, one would be waited for with a worker idle. */
const longest = [
  'fault-matrix',
  'dependency-recovery',
  'config-recovery',
  'operator',
  'unload-and-park',
  'own-death',
  'launchd-failures',
  'crash-and-hang',
  'slow-boot',
  'safe-start',
  'founding-incident',
  'config-unproven',
  'trust',
  'apply',
  'older-version',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((name) => moduleId.includes(name));
      return place < 0 ? longest.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

// Two files at a time, and in each one scenario after the other: a gateway takes 700 MB and its boot a whole core. With three
// at a time on two cores each scenario took half as long again, and the whole no less time.
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/real/**/*.real.ts'],
    fileParallelism: true,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // What a scenario prints when it fails goes straight out: the reporter below prints results only.
    disableConsoleIntercept: true,
    // A scenario boots gateways (12 s, more on a busy machine) and watches minutes of policy time; one takes ten.
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
    reporters: [new CountingReporter()],
  },
});
