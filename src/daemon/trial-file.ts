import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trial } from '../core/trial.ts';
import { type FileOutcome, readIfExists, writeDurable } from '../system/durable-file.ts';

/** A trial is a few hundred bytes, and as much again for each key it changed. */
const maxBytes = 1_048_576;

const fileIn = (stateDir: string): string => join(stateDir, 'trial.json');

export type TrialReading =
  | { readonly kind: 'read'; readonly trial: Trial }
  | { readonly kind: 'none' }
  | { readonly kind: 'unreadable'; readonly because: string };

/** The newest trial, under watch or ended. */
export async function readTrial(stateDir: string): Promise<TrialReading> {
  const read = await readIfExists(fileIn(stateDir), maxBytes);
  if (read.kind === 'missing') return { kind: 'none' };
  if (read.kind !== 'read') return { kind: 'unreadable', because: read.because };
  const trial = parseTrial(read.bytes.toString('utf8'));
  if (trial !== null) return { kind: 'read', trial };
  return { kind: 'unreadable', because: `${fileIn(stateDir)} holds no trial of this version` };
}

export function writeTrial(stateDir: string, trial: Trial): Promise<FileOutcome> {
  return writeDurable(fileIn(stateDir), `${JSON.stringify(trial, null, 2)}\n`, { mode: 0o600 });
}

/** Written whole or not at all by ourselves, so a few fields tell it from anything else. */
function parseTrial(text: string): Trial | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== 1)
      return null;
    const whole = 'id' in value && 'appliedAt' in value && 'watchUntil' in value && 'end' in value;
    return whole && typeof value.id === 'string' && trialName.test(value.id) ? (value as Trial) : null;
  } catch {
    // Edited by hand: no trial any more, and the caller says so.
    return null;
  }
}

const trialName = /^T(\d{1,9})$/;

/** One above every trial that left something behind: what a change replaced is kept under its number for good. */
export async function nextTrialId(quarantine: string, last: Trial | null): Promise<string> {
  const kept = await readdir(quarantine).catch(() => []);
  const numbers = [...kept, last?.id ?? ''].map((name) => Number(trialName.exec(name)?.[1] ?? 0));
  return `T${Math.max(0, ...numbers) + 1}`;
}
