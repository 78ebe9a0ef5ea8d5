import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Instant, instant } from '../core/time.ts';
import { type FileOutcome, readIfExists, writeDurable } from '../system/durable-file.ts';
import { errorCode, fileFailure } from '../system/file-failure.ts';
import { createSlices } from '../system/slices.ts';
import type { Manifest, ManifestHead, Tree, Unit, UnitName } from './manifest.ts';
import { isRecord, parseRecord } from './stored-text.ts';
import { type ParsedUnit, parseUnit, printUnit, unitStart } from './unit-line.ts';

type ReadManifest = { readonly kind: 'read'; readonly manifest: Manifest } | Unread;

type ReadHead = { readonly kind: 'read'; readonly head: ManifestHead } | Unread;

type Unread = { readonly kind: 'missing' } | { readonly kind: 'unreadable'; readonly because: string };

/** Ten times the manifest of 2026.9.6 (41 000 entries in 6.5 MB). */
const maxBytes = 64 * 1024 * 1024;
/** A package and the plugins of a catalogue. */
const maxTrees = 500;
const maxUnits = 50_000;
/** Takes a slice of its own. */
const longLine = 256 * 1024;
/** Hashed within 2 ms. */
const pieceBytes = 1024 * 1024;
const lineEnd = 0x0a;
/** As many trees and databases as there can be. */
const maxHeadBytes = 512 * 1024;
const noHead = 'its first line is no head of a manifest';

/**
 * One line the head, one line a unit, and one with the checksum of all before it: cut off, a manifest would tell of
 * packages that are not to be there. Durable, 0600.
 */
export async function writeManifest(file: string, { head, units }: Manifest): Promise<FileOutcome> {
  const slices = createSlices();
  const lines: Buffer[] = [];
  const sum = createHash('sha256');
  const add = (text: string): void => {
    const line = Buffer.from(`${text}\n`);
    sum.update(line);
    lines.push(line);
  };
  add(JSON.stringify(head));
  for (const unit of units) {
    add(printUnit(unit));
    if (slices.isOver()) await slices.rest();
  }
  lines.push(Buffer.from(endLine(units.length, sum.digest('hex'))));
  return writeDurable(file, Buffer.concat(lines), { mode: 0o600 });
}

const endLine = (units: number, sha256: string): string => `${JSON.stringify({ units, sha256 })}\n`;

/** The whole of it, its checksum compared. */
export const readManifest = (file: string): Promise<ReadManifest> => read(file, null);

/** As `readManifest`, with the named units alone; one that the manifest does not hold is not among them. */
export const readUnits = (file: string, wanted: readonly UnitName[]): Promise<ReadManifest> =>
  read(file, new Set(wanted.map((unit) => unitStart(unit))));

/** What it was taken of, without its units and without the checksum over them. */
export async function readManifestHead(file: string): Promise<ReadHead> {
  try {
    // Opening a pipe would wait for a writer for ever.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const memory = Buffer.alloc(maxHeadBytes);
      const { bytesRead } = await handle.read(memory, 0, maxHeadBytes, 0);
      const end = memory.subarray(0, bytesRead).indexOf(lineEnd);
      const head = end < 0 ? null : parseHead(memory.toString('utf8', 0, end));
      return head === null ? unreadable(file, noHead) : { kind: 'read', head };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'missing' };
    return { kind: 'unreadable', because: fileFailure(`read ${file}`, error).because };
  }
}

async function read(file: string, wanted: ReadonlySet<string> | null): Promise<ReadManifest> {
  const found = await readIfExists(file, maxBytes);
  if (found.kind === 'missing') return found;
  if (found.kind !== 'read') return { kind: 'unreadable', because: found.because };
  const { bytes } = found;
  const slices = createSlices();
  const lastLine = bytes.lastIndexOf(lineEnd, -2) + 1;
  const sum = createHash('sha256');
  for (let start = 0; start < lastLine; start += pieceBytes) {
    sum.update(bytes.subarray(start, Math.min(start + pieceBytes, lastLine)));
    if (slices.isOver()) await slices.rest();
  }
  const units: Unit[] = [];
  let head: ManifestHead | null = null;
  let count = -1;
  for (let start = 0; start < lastLine; ) {
    const end = bytes.indexOf(lineEnd, start);
    if (head === null) {
      head = parseHead(bytes.toString('utf8', start, end));
      if (head === null) return unreadable(file, noHead);
    } else {
      if (end - start > longLine) await slices.rest();
      const parsed: ParsedUnit = parseUnit(bytes.subarray(start, end), wanted);
      if (parsed.kind === 'torn') return unreadable(file, `line ${count + 2} is no unit: ${parsed.because}`);
      if (parsed.kind === 'unit') units.push(parsed.unit);
    }
    count += 1;
    if (count > maxUnits) return unreadable(file, `it has more than ${maxUnits} units`);
    start = end + 1;
    if (slices.isOver()) await slices.rest();
  }
  if (head === null || bytes.toString('utf8', lastLine) !== endLine(count, sum.digest('hex')))
    return unreadable(file, 'its checksum does not fit: it was cut off or changed');
  return { kind: 'read', manifest: { head, units } };
}

const unreadable = (file: string, because: string): Unread & { readonly kind: 'unreadable' } => ({
  kind: 'unreadable',
  because: `${file} is not usable: ${because}`,
});

function parseHead(line: string): ManifestHead | null {
  const value = parseRecord(line);
  if (value === null || value['version'] !== 1) return null;
  const { openclaw, nodeAbi, platform, arch, takenAt, provenBy, trees, databases } = value;
  const texts = [openclaw, nodeAbi, platform, arch];
  if (!texts.every((text): text is string => typeof text === 'string' && text !== '')) return null;
  if (!isTime(takenAt) || !isTime(provenBy) || !isVersions(databases)) return null;
  if (!Array.isArray(trees) || trees.length > maxTrees || !trees.every(isTree)) return null;
  return {
    version: 1,
    openclaw: String(openclaw),
    nodeAbi: String(nodeAbi),
    platform: String(platform),
    arch: String(arch),
    takenAt: instant(takenAt),
    provenBy: instant(provenBy),
    trees,
    databases,
  };
}

const isVersions = (value: unknown): value is Readonly<Record<string, number>> =>
  isRecord(value) && Object.values(value).every((version) => Number.isSafeInteger(version));

const isTime = (value: unknown): value is Instant => Number.isFinite(value);

const isTree = (value: unknown): value is Tree =>
  isRecord(value) &&
  typeof value['name'] === 'string' &&
  typeof value['root'] === 'string' &&
  value['root'].startsWith('/');
