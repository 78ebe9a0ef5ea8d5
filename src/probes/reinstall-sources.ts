import { stat, statfs } from 'node:fs/promises';
import type { UpdateEvidence } from '../core/evidence.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import { createAskNodeBuild } from '../gateway/node-program.ts';
import { findNpm, findPackageWork } from '../gateway/package-managers.ts';
import { readStateDatabases } from '../gateway/state-databases.ts';
import { fileFailure } from '../system/file-failure.ts';
import type { Run } from '../system/run.ts';
import { currentManifest, listArchives, readArchive } from '../vault/archives.ts';
import { checkTrees } from '../vault/compare-tree.ts';
import { readManifest, readManifestHead } from '../vault/manifest-file.ts';
import { listRepairs } from '../vault/repair-records.ts';
import { unitFileOf } from '../vault/unit-file.ts';
import type { KeptManifest, ReinstallSources } from './reinstall-parts.ts';
import { soundTree } from './sound-tree.ts';

interface SourcePlaces {
  readonly archives: string;
  readonly quarantine: string;
  readonly run: Run;
  readonly processes: ListProcesses;
  /** What OpenClaw's own marks say of an update. */
  readonly update?: () => Promise<UpdateEvidence>;
}

/** The real ones: our archives and records, the package, the gateway's Node and its state. */
export function createReinstallSources(of: SourcePlaces): ReinstallSources {
  const { archives, quarantine, processes } = of;
  return {
    busy: () => findPackageWork(of),
    manifests: () => keptManifests(archives),
    hasUnit: async (digest) =>
      (await stat(unitFileOf(archives, digest)).catch(() => null))?.isFile() === true,
    check: checkTrees,
    sound: (root, signal) => soundTree({ root, processes, signal }),
    databases: readStateDatabases,
    nodeBuild: createAskNodeBuild(of),
    hasNpm: (node) => findNpm(node) !== null,
    freeBytes: async (path) => {
      try {
        const { bavail, bsize } = await statfs(path);
        return bavail * bsize;
      } catch (error) {
        return fileFailure(`read the free space of ${path}`, error);
      }
    },
    repairs: async () => (await listRepairs(quarantine)).map(({ record }) => record),
  };
}

/** One that cannot be read is left out: the archives are listed with their problems elsewhere. */
async function keptManifests(archivesDir: string): Promise<readonly KeptManifest[]> {
  const [current, { archives }] = await Promise.all([
    currentManifest(archivesDir),
    listArchives(archivesDir),
  ]);
  const kept: KeptManifest[] = [];
  if (current.kind === 'found') {
    const { file, head, archive } = current;
    kept.push({ archive, head, read: () => readWhole(file) });
  }
  for (const { name } of archives) {
    if (kept.some(({ archive }) => archive === name)) continue;
    const found = await readArchive(archivesDir, name);
    if (found.kind !== 'read') continue;
    const head = await readManifestHead(found.manifestFile);
    if (head.kind !== 'read') continue;
    kept.push({ archive: name, head: head.head, read: () => readWhole(found.manifestFile) });
  }
  return kept;
}

async function readWhole(file: string): ReturnType<KeptManifest['read']> {
  const read = await readManifest(file);
  if (read.kind === 'read') return read.manifest;
  const because = read.kind === 'missing' ? `${file} is gone` : read.because;
  return { kind: 'failed', because };
}
