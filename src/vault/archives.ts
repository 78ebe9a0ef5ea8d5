import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from '../core/time.ts';
import { type FileOutcome, readIfExists, writeDurable } from '../system/durable-file.ts';
import { errorCode, fileFailure } from '../system/file-failure.ts';
import type { ManifestHead } from './manifest.ts';
import { readManifestHead } from './manifest-file.ts';

/** What `archive.json` says. Where it is not there, or says anything else, there is no archive. */
export interface Archive {
  readonly version: 1;
  /** Its folder below the archives: `<openclaw version>-<UTC stamp>`. */
  readonly name: string;
  readonly openclaw: string;
  readonly nodeAbi: string;
  readonly platform: string;
  readonly arch: string;
  readonly takenAt: Instant;
  /** When it was restored into staging, with every hash compared. */
  readonly verifiedAt: Instant;
  /** When the installation was last found to be still this one. */
  readonly seenAt: Instant;
  readonly units: number;
  readonly files: number;
  /** Of the files it holds. */
  readonly bytes: number;
  /** Of its unit files on the disk, those it shares with others too. */
  readonly storedBytes: number;
}

interface ArchiveList {
  /** Newest first. */
  readonly archives: readonly Archive[];
  /** Folders that do not count, each with the reason in one sentence. */
  readonly problems: readonly string[];
}

type ArchiveReading =
  | { readonly kind: 'read'; readonly archive: Archive; readonly manifestFile: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly because: string };

/** The manifest in force. `archive`: null where it was recorded and the archive itself could not be written. */
export type ManifestReading =
  | {
      readonly kind: 'found';
      readonly file: string;
      readonly head: ManifestHead;
      readonly archive: string | null;
    }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly because: string };

/** Beside the archives: what was recorded last, where its archive could not be written. */
export const looseManifestIn = (archivesDir: string): string => join(archivesDir, 'manifest.ndjson');
export const manifestOf = (archivesDir: string, name: string): string =>
  join(archivesDir, name, 'manifest.ndjson');
const noteOf = (archivesDir: string, name: string): string => join(archivesDir, name, 'archive.json');

/** A version, then a stamp: neither a path, nor one of our other folders. */
const archiveName = /^[0-9A-Za-z][0-9A-Za-z._+-]*-\d{8}T\d{6}Z$/;
const maxNoteBytes = 65_536;
/** A handful are kept; a folder with more than this is not ours. */
const maxArchives = 1_000;

export function archiveNameOf(openclaw: string, at: Instant): string {
  const stamp = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${openclaw.replace(/[^0-9A-Za-z._+-]/g, '_').replace(/^[^0-9A-Za-z]/, '0')}-${stamp}`;
}

export async function listArchives(archivesDir: string): Promise<ArchiveList> {
  const names = await archiveFolders(archivesDir);
  if (names.kind === 'failed') return { archives: [], problems: [names.because] };
  const archives: Archive[] = [];
  const problems: string[] = [];
  for (const name of names.names) {
    const reading = await readArchive(archivesDir, name);
    if (reading.kind === 'read') archives.push(reading.archive);
    else if (reading.kind === 'failed') problems.push(reading.because);
    else problems.push(`${name} was never finished`);
  }
  return { archives: archives.sort((a, b) => b.takenAt - a.takenAt), problems };
}

/** Folders named like archives, finished or not. */
export async function archiveFolders(
  archivesDir: string,
): Promise<
  | { readonly kind: 'read'; readonly names: readonly string[] }
  | { readonly kind: 'failed'; readonly because: string }
> {
  try {
    const entries = await readdir(archivesDir, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() && archiveName.test(entry.name));
    return {
      kind: 'read',
      names: folders
        .map(({ name }) => name)
        .sort()
        .slice(-maxArchives),
    };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'read', names: [] };
    return { kind: 'failed', because: fileFailure(`read ${archivesDir}`, error).because };
  }
}

export async function readArchive(archivesDir: string, name: string): Promise<ArchiveReading> {
  if (!archiveName.test(name)) return { kind: 'missing' };
  const read = await readIfExists(noteOf(archivesDir, name), maxNoteBytes);
  if (read.kind === 'missing') return { kind: 'missing' };
  if (read.kind !== 'read') return { kind: 'failed', because: read.because };
  const archive = parseNote(read.bytes.toString('utf8'), name);
  if (archive === null)
    return { kind: 'failed', because: `${name} has an archive.json that says no archive` };
  return { kind: 'read', archive, manifestFile: manifestOf(archivesDir, name) };
}

/** Written last, and durably: from here on it counts. */
export function writeArchive(archivesDir: string, archive: Archive): Promise<FileOutcome> {
  return writeDurable(noteOf(archivesDir, archive.name), `${JSON.stringify(archive, null, 2)}\n`, {
    mode: 0o600,
  });
}

/** The newest of what was recorded: of the archives, or beside them. */
export async function currentManifest(archivesDir: string): Promise<ManifestReading> {
  const { archives, problems } = await listArchives(archivesDir);
  const loose = await readManifestHead(looseManifestIn(archivesDir));
  const troubles = [...problems];
  if (loose.kind === 'unreadable') troubles.push(loose.because);
  for (const archive of archives) {
    if (loose.kind === 'read' && loose.head.takenAt > archive.takenAt) break;
    const file = manifestOf(archivesDir, archive.name);
    const read = await readManifestHead(file);
    if (read.kind === 'read' && fits(read.head, archive))
      return { kind: 'found', file, head: read.head, archive: archive.name };
    troubles.push(read.kind === 'unreadable' ? read.because : `${file} is not the manifest of its archive`);
  }
  if (loose.kind === 'read')
    return { kind: 'found', file: looseManifestIn(archivesDir), head: loose.head, archive: null };
  return troubles.length === 0 || (archives.length === 0 && loose.kind === 'missing')
    ? { kind: 'none' }
    : { kind: 'failed', because: troubles.join('; ') };
}

const fits = (head: ManifestHead, archive: Archive): boolean =>
  head.takenAt === archive.takenAt && head.openclaw === archive.openclaw && head.nodeAbi === archive.nodeAbi;

const texts = ['name', 'openclaw', 'nodeAbi', 'platform', 'arch'] as const;
const numbers = ['takenAt', 'verifiedAt', 'seenAt', 'units', 'files', 'bytes', 'storedBytes'] as const;

function parseNote(text: string, name: string): Archive | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The caller says which file it was.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Readonly<Record<string, unknown>>;
  const isWhole =
    fields['version'] === 1 &&
    fields['name'] === name &&
    texts.every((key) => typeof fields[key] === 'string') &&
    numbers.every((key) => Number.isSafeInteger(fields[key]));
  return isWhole ? (value as Archive) : null;
}
