import { mkdirSync } from 'node:fs';
import type { Instant } from '../../src/core/time.ts';
import { currentManifest } from '../../src/vault/archives.ts';
import { checkTrees } from '../../src/vault/compare-tree.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import type { Manifest, UnitName } from '../../src/vault/manifest.ts';
import { readManifest, readUnits } from '../../src/vault/manifest-file.ts';
import { findChange, markSeen } from '../../src/vault/unchanged.ts';
import { checkUnitFile, extractUnit, unitFileOf } from '../../src/vault/unit-file.ts';

/** One measured step in a process of its own, bundled as the product is. Prints seconds, processor seconds and bytes. */
const [step = '', archivesDir = '', root = '', into = ''] = process.argv.slice(2);
const now = (): Instant => Date.now() as Instant;
const signal = new AbortController().signal;
const trees = [{ name: 'openclaw', root }];
const build = { openclaw: '2026.9.6', nodeAbi: process.versions.modules, platform: process.platform };
const head = {
  version: 1,
  ...build,
  arch: process.arch,
  takenAt: now(),
  provenBy: now(),
  databases: {},
} as const;

let began = performance.now();
let used = process.cpuUsage();
const restart = (): void => {
  began = performance.now();
  used = process.cpuUsage();
};
const tell = (what: string): void => {
  const { user, system } = process.cpuUsage(used);
  const [seconds, cpu] = [(performance.now() - began) / 1_000, (user + system) / 1_000_000];
  console.log(JSON.stringify({ what, seconds, cpu, rss: process.resourceUsage().maxRSS * 1_024 }));
  restart();
};

/** Of some units alone, as a repair reads it; else of all. */
async function manifest(wanted?: readonly UnitName[]): Promise<Manifest> {
  const current = await currentManifest(archivesDir);
  if (current.kind !== 'found') throw new Error(JSON.stringify(current));
  const read = await (wanted === undefined ? readManifest(current.file) : readUnits(current.file, wanted));
  if (read.kind !== 'read') throw new Error(JSON.stringify(read));
  return read.manifest;
}

async function restore(unpack: boolean, wanted?: readonly UnitName[]): Promise<void> {
  const { units, head: known } = await manifest(wanted);
  if (unpack) mkdirSync(into);
  for (const unit of units) {
    const ask = { unitFile: unitFileOf(archivesDir, unit.digest), unit, trees: known.trees, signal };
    const outcome = unpack ? await extractUnit({ ...ask, into }) : await checkUnitFile(ask);
    if (outcome.kind === 'failed') throw new Error(outcome.because);
  }
}

if (step === 'create') {
  let phase = 'reading';
  const onProgress = (what: string): void => {
    if (what === phase) return;
    tell(phase);
    phase = what;
  };
  const outcome = await createArchive({
    archivesDir,
    head,
    trees,
    signal,
    now,
    judge: async () => null,
    onProgress,
  });
  if (outcome.kind !== 'archived') throw new Error(outcome.because);
  tell(phase);
} else if (step === 'unchanged') {
  const found = await findChange({ archivesDir, head, trees, signal });
  if (!('archive' in found)) throw new Error(found.change);
  await markSeen(archivesDir, found.archive, now());
  tell(step);
} else if (step === 'verify') {
  await restore(false);
  tell(step);
} else if (step === 'tree') {
  await restore(true);
  tell(step);
} else if (step === 'package') {
  await restore(true, [{ tree: 'openclaw', path: 'node_modules/ws', part: 'whole' }]);
  tell(step);
} else {
  const known = await manifest();
  const check = await checkTrees(known, { depth: step === 'full' ? 'full' : 'quick', signal });
  if ('because' in check || check.differences.length > 0) throw new Error('the tree is not the archive');
  tell(step);
}
