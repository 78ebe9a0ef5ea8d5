// What a snapshot costs: changed and unchanged, with the real git, on the disk the temporary files are on.
//   node test/bench/snapshots.ts
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { content, file, recorded, storeIn } from '../vault/store-ground.ts';
import { atMost, load, machine, renderSection, row, type Section, show, spreadOf } from './figures.ts';

const changes = 60;
const warmUps = 10;
const looks = 300;

/** A config of 8 kB with one include, the job's files and ours: what a usual installation has. */
const sample = (n: number) =>
  content([
    file('openclaw.json', `{ "n": ${n}, "text": "${'x'.repeat(8_000)}" }`),
    file('includes/channels.json5', 'y'.repeat(2_000)),
    file('service/ai.openclaw.gateway.plist', 'p'.repeat(2_000)),
    file('service/ai.openclaw.gateway.env', 'e'.repeat(1_000)),
    file('service/wrapper.sh', 'w'.repeat(1_000)),
    file('immune/config.json5', 'i'.repeat(1_500)),
  ]);

export async function measureSnapshots(): Promise<Section> {
  const root = mkdtempSync(join(tmpdir(), 'immune-bench-'));
  try {
    const { store, gits } = storeIn(root);
    const wall: number[] = [];
    let began = gits();
    for (let n = 0; n < changes + warmUps; n += 1) {
      if (n === warmUps) began = gits();
      const from = performance.now();
      await recorded(store, sample(n));
      if (n >= warmUps) wall.push(performance.now() - from);
    }
    const perChange = (gits() - began) / changes;
    const same = sample(changes + warmUps - 1);
    const cpu: number[] = [];
    const sameWall: number[] = [];
    const before = gits();
    for (let n = 0; n < looks; n += 1) {
      const [from, used] = [performance.now(), process.cpuUsage()];
      const outcome = await store.record(same, { aside: null });
      if (outcome.kind !== 'unchanged') throw new Error(JSON.stringify(outcome));
      const { user, system } = process.cpuUsage(used);
      sameWall.push(performance.now() - from);
      cpu.push((user + system) / 1_000);
    }
    return {
      title: 'One snapshot',
      method: [
        `\`record()\` of six files, 15.5 kB: ${changes} changes of the config after ${warmUps} that are not counted, then the same content ${looks} times.`,
        'Every change is on disk when the time is taken (files and directories synced), with index and work tree brought up to date.',
      ],
      rows: [
        row('changed, wall', show(spreadOf(wall), 'ms'), atMost(spreadOf(wall).median, 50, 'ms')),
        row('changed, git processes we start', perChange.toFixed(2)),
        row('unchanged, processor time', show(spreadOf(cpu), 'ms'), atMost(spreadOf(cpu).median, 1, 'ms')),
        row('unchanged, wall', show(spreadOf(sameWall), 'ms')),
        row('unchanged, git processes', String(gits() - before)),
      ],
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${new Date().toISOString()}, ${machine()}, load average ${load()}\n`);
  console.log(renderSection(await measureSnapshots()));
}
