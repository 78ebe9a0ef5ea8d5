import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../core/alert.ts';
import { type AlertBook, beginBook } from '../core/alert-book.ts';
import type { Instant } from '../core/time.ts';
import { type FileOutcome, readIfExists, writeDurable } from '../system/durable-file.ts';
import { fileFailure } from '../system/file-failure.ts';
import { isRecord, isTexts, type JsonRecord, parseRecord } from '../vault/stored-text.ts';

/** Five hundred alerts of a few kB each at the most. */
const maxBytes = 16 * 1_048_576;

const fileIn = (stateDir: string): string => join(stateDir, 'alerts.json');

export type BookReading =
  | { readonly kind: 'read'; readonly book: AlertBook }
  | { readonly kind: 'missing' }
  /** It is there, and is no book: what a hand or a disk has left. */
  | { readonly kind: 'damaged'; readonly because: string }
  | { readonly kind: 'unreadable'; readonly because: string };

/** What was told, what is on its way, and why. */
export async function readBook(stateDir: string): Promise<BookReading> {
  const read = await readIfExists(fileIn(stateDir), maxBytes);
  if (read.kind === 'missing') return { kind: 'missing' };
  if (read.kind !== 'read') return { kind: 'unreadable', because: read.because };
  const book = parseBook(read.bytes.toString('utf8'));
  if (book !== null) return { kind: 'read', book };
  return { kind: 'damaged', because: `${fileIn(stateDir)} holds no alerts of this version` };
}

export function writeBook(stateDir: string, book: AlertBook): Promise<FileOutcome> {
  return writeDurable(fileIn(stateDir), `${JSON.stringify(book)}\n`, { mode: 0o600 });
}

/** Kept for a look, and out of the way of a new one. */
export async function putBookAside(stateDir: string, now: Instant): Promise<FileOutcome> {
  const path = fileIn(stateDir);
  try {
    await rename(path, `${path}.quarantined-${now}`);
    return { kind: 'done' };
  } catch (error) {
    return fileFailure(`put ${path} aside`, error);
  }
}

/** What an older build did not know begins empty; a book that is none, or of another version, is not read at all. */
export function parseBook(text: string): AlertBook | null {
  const value = parseRecord(text);
  if (value === null || value['version'] !== 1) return null;
  const { cursor, era, entries, reasons, sentTimes, told } = value;
  const lists = [entries, reasons, sentTimes, told];
  if (!isCount(cursor) || !isCount(era) || !lists.every((list) => Array.isArray(list))) return null;
  const isWhole =
    (entries as readonly unknown[]).every(isEntry) &&
    (sentTimes as readonly unknown[]).every(isMoment) &&
    (reasons as readonly unknown[]).every((each) => isRecord(each) && typeof each['code'] === 'string') &&
    (told as readonly unknown[]).every((each) => isRecord(each) && isMoment(each['at']));
  const held = Object.entries(holding).every(([key, isGood]) => isGood(value[key] ?? null));
  if (!isWhole || !held) return null;
  return { ...beginBook(0, null), ...(value as unknown as AlertBook) };
}

/** What may be there or not. */
const orNull =
  (isGood: (value: JsonRecord) => boolean) =>
  (value: unknown): boolean =>
    value === null || (isRecord(value) && isGood(value));

const holding: Readonly<Record<string, (value: unknown) => boolean>> = {
  incident: orNull(
    ({ id, openedAt, attempts, changed, toldTo = [] }) =>
      typeof id === 'string' &&
      isMoment(openedAt) &&
      Array.isArray(attempts) &&
      isTexts(changed) &&
      isTexts(toldTo),
  ),
  flapping: orNull(({ since, saidAt, held }) => isMoment(since) && isMoment(saidAt) && isTexts(held)),
  overflow: orNull(({ since, kinds, titles }) => isMoment(since) && isRecord(kinds) && isTexts(titles)),
};

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isMoment = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const states: ReadonlySet<unknown> = new Set(['waiting', 'delivered', 'given-up', 'dropped']);

const isDelivery = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value['channel'] === 'string' &&
  states.has(value['state']) &&
  isMoment(value['nextAt']) &&
  isCount(value['tries']);

function isEntry(value: unknown): value is Entry {
  if (!isRecord(value) || !isRecord(value['alert']) || !Array.isArray(value['deliveries'])) return false;
  const { id, kind, severity, at, title, lines, next } = value['alert'];
  const texts = [id, kind, severity, title, next];
  return (
    texts.every((each) => typeof each === 'string') &&
    isMoment(at) &&
    isTexts(lines) &&
    value['deliveries'].every(isDelivery)
  );
}
