import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from '../core/time.ts';
import { ensurePrivateDirectory } from '../system/durable-file.ts';
import { packTarZst, verifyTarZst } from '../system/tarball.ts';

export type ArchiveOutcome =
  | { readonly kind: 'archived'; readonly file: string; readonly bytes: number; readonly entries: number }
  | { readonly kind: 'failed'; readonly because: string };

/** Newest archives kept; each is about a quarter of the package it holds. */
const kept = 3;
const archiveName = /^openclaw-.*\.tar\.zst$/;

/** Packs the installed package into one tar.zst and reads it back whole before it counts. */
export async function archivePackage(from: {
  readonly packageRoot: string;
  readonly version: string;
  readonly directory: string;
  readonly tar: string;
  readonly at: Instant;
}): Promise<ArchiveOutcome> {
  const prepared = await ensurePrivateDirectory(from.directory);
  if (prepared.kind === 'failed') return prepared;
  const stamp = new Date(from.at).toISOString().replace(/[:.]/g, '-');
  const file = join(from.directory, `openclaw-${from.version}-${stamp}.tar.zst`);
  const packed = await packTarZst({ tar: from.tar, sourceDir: from.packageRoot, outFile: file });
  if (packed.kind === 'failed') return packed;
  const verified = await verifyTarZst(file, from.tar);
  if (verified.kind === 'failed') return remove(file, verified.because);
  if (verified.sha256 !== packed.sha256)
    return remove(file, 'what was read back differs from what was written');
  await prune(from.directory);
  return { kind: 'archived', file, bytes: packed.bytes, entries: verified.entries };
}

async function remove(file: string, because: string): Promise<ArchiveOutcome> {
  // An archive that does not verify is worse than none: somebody would trust it.
  await unlink(file).catch(() => undefined);
  return { kind: 'failed', because };
}

/** Only after a new archive has verified, and never the newest ones. Stamps sort by time within a version. */
async function prune(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => archiveName.test(name));
  const byStamp = names.sort((a, b) => stampOf(a).localeCompare(stampOf(b)));
  for (const name of byStamp.slice(0, -kept)) await unlink(join(directory, name));
}

const stampOf = (name: string): string => /(\d{4}-\d\d-\d\dT[\d-]+Z)\.tar\.zst$/.exec(name)?.[1] ?? '';
