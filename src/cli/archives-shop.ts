import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import { isThere } from '../repairs/keep-file.ts';
import { acquireLease } from '../system/lease.ts';
import { type Archive, currentManifest, listArchives, manifestOf, readArchive } from '../vault/archives.ts';
import { checkTrees } from '../vault/compare-tree.ts';
import type { Manifest, ManifestHead, TreeCheck, Unit } from '../vault/manifest.ts';
import { readManifest } from '../vault/manifest-file.ts';
import { type VerifyOutcome, verifyArchive } from '../vault/verify-archive.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

/** One line of the list. */
export interface ListedArchive extends Archive {
  /** How many of its units another archive holds as well, on the disk only once; null where that cannot be told. */
  readonly shared: number | null;
  /** A copy of this version stands ready as plain files. */
  readonly isHot: boolean;
}

/** What the command looks at. */
export interface ArchivesShop {
  readonly installed: { readonly root: string | null; readonly version: string | null };
  list(): Promise<{ readonly archives: readonly ListedArchive[]; readonly problems: readonly string[] }>;
  /** Restores every unit into staging and compares all hashes. */
  verify(
    name: string,
    how: { readonly signal: AbortSignal; readonly onUnit: (done: number, all: number) => void },
  ): Promise<VerifyOutcome>;
  /** The installation against an archive's manifest; null is the one in force. */
  compare(
    name: string | null,
    how: { readonly depth: TreeCheck['depth']; readonly signal: AbortSignal },
  ): Promise<Comparison>;
}

export type Comparison =
  | {
      readonly kind: 'compared';
      readonly head: ManifestHead;
      /** Null where the manifest was recorded and the archive itself could not be written. */
      readonly archive: string | null;
      readonly check: TreeCheck;
      /** What a restore of the damaged units would put back. */
      readonly units: readonly Unit[];
      readonly files: number;
    }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly because: string };

/** The archives of this installation, for a command. `close` when it is done. */
export async function openArchivesShop(
  context: Context,
  name: string,
): Promise<ArchivesShop & { readonly close: () => void }> {
  const shop = await openWorkshop(context, { name, keeps: false });
  const { files, version } = sightGateway(shop.live.current().settings, context.uid);
  const archivesDir = context.paths.archives;
  const installed = { root: files.packageRoot, version };
  return {
    installed,
    list: async () => {
      const { archives, problems } = await listArchives(archivesDir);
      return { archives: await withCompany(archives, archivesDir), problems };
    },
    verify: (archive, { signal, onUnit }) =>
      withoutJob(shop, context, () =>
        verifyArchive({ archivesDir, name: archive, restore: true, signal, onUnit }),
      ),
    compare: async (archive, how) => {
      const found = await manifestOfName(archive, archivesDir);
      if (found.kind !== 'found') return found;
      const elsewhere = await isElsewhere(found.manifest.head, installed.root);
      if (elsewhere !== null) return { kind: 'failed', because: elsewhere };
      const check = await checkTrees(found.manifest, how);
      return 'kind' in check ? check : compared(found, check);
    },
    close: () => shop.log.close(),
  };
}

/** The job that takes archives removes what an interrupted verification has left: it must not run beside one. */
async function withoutJob<T>(
  { processes }: Workshop,
  { paths, clock }: Context,
  work: () => Promise<T>,
): Promise<T> {
  const { own, isAlive } = processes;
  const directory = join(paths.state, 'archive.lease');
  const lease = await acquireLease(directory, { role: 'verify' }, { now: clock.now, own, isAlive });
  if (lease.kind === 'held') return work().finally(() => lease.release());
  const because =
    lease.kind === 'busy' ? `process ${lease.holder.pid} is at work on the archives` : lease.because;
  throw new UserError('busy', `nothing was verified: ${because}`, {
    hint: 'immune archives verify, once that is done',
    exitCode: lease.kind === 'busy' ? exitCodes.busy : exitCodes.unhealthy,
  });
}

type FoundManifest =
  | { readonly kind: 'found'; readonly archive: string | null; readonly manifest: Manifest }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly because: string };

async function manifestOfName(name: string | null, archivesDir: string): Promise<FoundManifest> {
  const found = name === null ? await currentManifest(archivesDir) : await ofArchive(name, archivesDir);
  if (found.kind !== 'found') return found;
  const read = await readManifest(found.file);
  if (read.kind === 'read') return { kind: 'found', archive: found.archive, manifest: read.manifest };
  return { kind: 'failed', because: read.kind === 'missing' ? `${found.file} is missing` : read.because };
}

async function ofArchive(
  name: string,
  archivesDir: string,
): Promise<
  | { readonly kind: 'found'; readonly file: string; readonly archive: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly because: string }
> {
  const reading = await readArchive(archivesDir, name);
  if (reading.kind === 'missing') return { kind: 'none' };
  return reading.kind === 'read' ? { kind: 'found', file: reading.manifestFile, archive: name } : reading;
}

function compared(
  { manifest, archive }: FoundManifest & { readonly kind: 'found' },
  check: TreeCheck,
): Comparison {
  const files = manifest.units.reduce(
    (sum, { entries }) => sum + entries.filter(({ kind }) => kind === 'file').length,
    0,
  );
  return { kind: 'compared', head: manifest.head, archive, check, units: check.damaged, files };
}

/** A manifest names files of one place; another installation beside it is not what was recorded. */
async function isElsewhere({ trees }: ManifestHead, root: string | null): Promise<string | null> {
  const recorded = trees.find(({ name }) => name === 'openclaw')?.root;
  if (root === null || recorded === undefined) return null;
  const real = await realpath(root).catch(() => root);
  return real === recorded ? null : `${recorded} was recorded, and the gateway's package is ${real}`;
}

/** With what each shares with the others, and whether a hot copy of its version stands ready. */
async function withCompany(
  archives: readonly Archive[],
  archivesDir: string,
): Promise<readonly ListedArchive[]> {
  const digests = await Promise.all(
    archives.map(async ({ name }) => {
      if (archives.length < 2) return null;
      const read = await readManifest(manifestOf(archivesDir, name));
      return read.kind === 'read' ? new Set(read.manifest.units.map(({ digest }) => digest)) : null;
    }),
  );
  return Promise.all(
    archives.map(async (archive, at) => {
      const own = digests[at];
      const others = digests.filter((_, index) => index !== at);
      const shared =
        own === null || own === undefined
          ? null
          : [...own].filter((digest) => others.some((other) => other?.has(digest) === true)).length;
      return { ...archive, shared, isHot: await isThere(join(archivesDir, 'hot', archive.openclaw)) };
    }),
  );
}
