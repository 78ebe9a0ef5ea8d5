import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trial } from '../core/trial.ts';
import { type FileOutcome, readIfExists, writeDurable } from '../system/durable-file.ts';
import { isRecord, isTextOrNull, isTexts, parseRecord } from '../vault/stored-text.ts';

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

/** Every field is looked at: what an older or newer build wrote, or a hand, must not end the watchdog at each start. */
function parseTrial(text: string): Trial | null {
  const value = parseRecord(text);
  if (value === null || value['version'] !== 1 || typeof value['id'] !== 'string') return null;
  const { id, kind, appliedAt, watchUntil, confirmBy, restart, undoing, end } = value;
  const whole =
    trialName.test(id) &&
    (kind === 'apply' || kind === 'fix') &&
    isMoment(appliedAt) &&
    isMoment(watchUntil) &&
    (confirmBy === null || isMoment(confirmBy)) &&
    typeof value['confirmed'] === 'boolean' &&
    (restart === 'none' || restart === 'wanted' || restart === 'asked') &&
    [value['replaced'], value['left'], value['planId']].every(isTextOrNull) &&
    isTexts(value['changes']) &&
    typeof value['by'] === 'string' &&
    (value['pidBefore'] === null || Number.isInteger(value['pidBefore'])) &&
    Number.isInteger(value['bootsBefore']) &&
    (value['downBefore'] === undefined || typeof value['downBefore'] === 'boolean') &&
    (undoing === null || isUndoing(undoing)) &&
    (end === null || isEnd(end));
  return whole ? (value as unknown as Trial) : null;
}

const isMoment = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const ends: ReadonlySet<unknown> = new Set(['holds', 'reverted', 'superseded', 'failed']);

const isEnd = (end: unknown): boolean =>
  isRecord(end) &&
  ends.has(end['kind']) &&
  isMoment(end['at']) &&
  typeof end['because'] === 'string' &&
  typeof end['told'] === 'boolean';

const isUndoing = (undoing: unknown): boolean =>
  isRecord(undoing) &&
  typeof undoing['because'] === 'string' &&
  isPurpose(undoing['why']) &&
  isCount(undoing['tries']) &&
  isMoment(undoing['triedAt']) &&
  isTexts(undoing['told']);

const isPurpose = (why: unknown): boolean =>
  why === undefined || why === 'unhelpful' || why === 'asked' || why === 'unconfirmed';

const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0;

const trialName = /^T(\d{1,9})$/;

/** One above every trial that left something behind: what a change replaced is kept under its number for good. */
export async function nextTrialId(quarantine: string, last: Trial | null): Promise<string> {
  const kept = await readdir(quarantine).catch(() => []);
  const numbers = [...kept, last?.id ?? ''].map((name) => Number(trialName.exec(name)?.[1] ?? 0));
  return `T${Math.max(0, ...numbers) + 1}`;
}
