import { createHash } from 'node:crypto';
import { type Instant, instant } from '../core/time.ts';
import { isTreeName } from '../system/tree-name.ts';
import { configHashOf, type ReadSnapshot, type RecordedFile, type SnapshotContent } from './snapshot.ts';

export const manifestName = 'manifest.json';

interface ManifestFile {
  readonly name: string;
  readonly role: RecordedFile['role'];
  readonly path: string;
  readonly mode: number;
  readonly sha256: string;
  readonly bytes: number;
}

/** What a snapshot holds, beside its files: `manifest.json`. */
export interface Manifest {
  readonly configHash: string;
  readonly openclaw: string | null;
  readonly bootId: string | null;
  readonly schemas: Readonly<Record<string, number>>;
  readonly takenAt: Instant;
  readonly files: readonly ManifestFile[];
}

const roles: readonly string[] = ['config', 'include', 'service', 'immune'] satisfies RecordedFile['role'][];

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function manifestOf(content: SnapshotContent): Manifest {
  return {
    configHash: configHashOf(content.files),
    openclaw: content.openclaw,
    bootId: content.bootId,
    schemas: Object.fromEntries(Object.entries(content.schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    takenAt: content.takenAt,
    files: content.files
      .map(({ name, role, path, mode, bytes }) => ({
        name,
        role,
        path,
        mode,
        sha256: sha256Of(bytes),
        bytes: bytes.length,
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Equal for two contents when the second is no news: neither the time nor the gateway's process counts. */
export function keyOf(manifest: Manifest): string {
  const { configHash, openclaw, schemas, files } = manifest;
  return sha256Of(Buffer.from(JSON.stringify({ configHash, openclaw, schemas, files })));
}

export function renderManifest(manifest: Manifest): string {
  const { takenAt, ...rest } = manifest;
  return `${JSON.stringify({ version: 1, takenAt: new Date(takenAt).toISOString(), ...rest }, null, 2)}\n`;
}

/** Null for what is no manifest of ours, whoever wrote it. */
export function parseManifest(text: string): Manifest | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Torn or somebody else's: the caller says which snapshot cannot be read.
    return null;
  }
  if (!isRecord(value) || value['version'] !== 1) return null;
  const { configHash, openclaw, bootId, schemas, takenAt, files } = value;
  const at = typeof takenAt === 'string' ? Date.parse(takenAt) : Number.NaN;
  if (typeof configHash !== 'string' || Number.isNaN(at) || !isRecord(schemas) || !Array.isArray(files))
    return null;
  const parsed = files.map(parseFile);
  const whole = parsed.filter((file) => file !== null);
  if (whole.length !== parsed.length) return null;
  return {
    configHash,
    openclaw: typeof openclaw === 'string' ? openclaw : null,
    bootId: typeof bootId === 'string' ? bootId : null,
    schemas: Object.fromEntries(
      Object.entries(schemas).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    ),
    takenAt: instant(at),
    files: whole,
  };
}

function parseFile(value: unknown): ManifestFile | null {
  if (!isRecord(value)) return null;
  const { name, role, path, mode, sha256, bytes } = value;
  if (typeof name !== 'string' || typeof path !== 'string' || typeof sha256 !== 'string') return null;
  if (typeof mode !== 'number' || typeof bytes !== 'number' || !isTreeName(name)) return null;
  if (typeof role !== 'string' || !roles.includes(role)) return null;
  return { name, role: role as RecordedFile['role'], path, mode, sha256, bytes };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Puts a snapshot together again; each file must be the one the manifest was written for. */
export function contentOf(manifest: Manifest, bytesOf: (name: string) => Buffer | null): ReadSnapshot {
  const files: RecordedFile[] = [];
  for (const { name, role, path, mode, sha256 } of manifest.files) {
    const bytes = bytesOf(name);
    if (bytes === null) return { kind: 'failed', because: `its file ${name} is missing` };
    if (sha256Of(bytes) !== sha256) {
      return { kind: 'failed', because: `its file ${name} is not what was recorded` };
    }
    files.push({ name, role, path, mode, bytes });
  }
  if (configHashOf(files) !== manifest.configHash) {
    return { kind: 'failed', because: 'its config is not what was recorded' };
  }
  const { openclaw, bootId, schemas, takenAt } = manifest;
  return { kind: 'read', content: { files, openclaw, bootId, schemas, takenAt } };
}
