import { instant } from '../core/time.ts';
import type { LoggedCommit } from '../system/git.ts';
import type { SnapshotEntry } from './snapshot.ts';
import { keyOf, type Manifest } from './snapshot-manifest.ts';

/** A reason in a commit's first line: the rest of it is in the log. */
const maxReasonChars = 200;

/** The message of a snapshot's commit. Its last lines are what the list is made of, so that listing reads no files. */
export function messageOf(manifest: Manifest, aside: string | null): string {
  const subject =
    aside === null
      ? `Record openclaw.json and ${manifest.files.length - 1} other files`
      : `Set aside: ${oneLine(aside).slice(0, maxReasonChars)}`;
  const version = manifest.openclaw === null ? [] : [`OpenClaw: ${oneLine(manifest.openclaw)}`];
  const facts = [
    `Taken: ${new Date(manifest.takenAt).toISOString()}`,
    `Config: ${manifest.configHash}`,
    `Content: ${keyOf(manifest)}`,
    ...version,
  ];
  return `${subject}\n\n${facts.join('\n')}\n`;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Null for a commit that is no snapshot. */
export function entryOf({ id, tags, message }: LoggedCommit): SnapshotEntry | null {
  const fact = (name: string): string | null =>
    new RegExp(`^${name}: (.+)$`, 'm').exec(message)?.[1]?.trim() ?? null;
  const taken = Date.parse(fact('Taken') ?? '');
  const configHash = fact('Config');
  if (Number.isNaN(taken) || configHash === null) return null;
  const named = (label: string): boolean => tags.includes(tagOf(label, id));
  return {
    id,
    takenAt: instant(taken),
    label: named('bad') ? 'bad' : named('verified') ? 'verified' : 'recorded',
    configHash,
    openclaw: fact('OpenClaw'),
    source: 'git',
  };
}

export const keyIn = (message: string): string | null =>
  /^Content: ([0-9a-f]{64})$/m.exec(message)?.[1] ?? null;

export const tagOf = (label: string, id: string): string => `${label}/${id.slice(0, 12)}`;
