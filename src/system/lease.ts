import { type Instant, instant } from '../core/time.ts';
import { fileFailure } from './file-failure.ts';
import { type LeaseFiles, leaseFilesIn, prepareLeaseDirectory } from './lease-files.ts';
import type { Aliveness, WrittenIdentity } from './process.ts';

export interface LeaseHolder {
  readonly pid: number;
  readonly role: string;
  readonly since: Instant;
}

export type LeaseOutcome =
  | { readonly kind: 'held'; release(): Promise<void> }
  | { readonly kind: 'busy'; readonly holder: LeaseHolder }
  | { readonly kind: 'failed'; readonly because: string };

export type LeaseReading =
  | { readonly kind: 'free' }
  | { readonly kind: 'held'; readonly holder: LeaseHolder }
  | { readonly kind: 'unknown'; readonly because: string };

/** `Processes` of process.ts and a clock fit here. */
export interface LeaseDeps {
  now(): Instant;
  own(): Promise<WrittenIdentity>;
  isAlive(identity: WrittenIdentity): Promise<Aliveness>;
}

interface LeaseRecord {
  readonly identity: WrittenIdentity;
  readonly role: string;
  readonly since: Instant;
  readonly released: boolean;
}

/** Each further round means that another process moved in between; so many in a row would be a bug of the file system. */
const maxRounds = 100;

/**
 * Takes the right to be the only writer. The lease is the highest numbered file of the directory: whoever links the
 * next number and then finds it to be the highest holds it. The highest file is never deleted, so a number cannot come
 * back to life; a live holder keeps its lease for ever, for age says nothing on a machine that sleeps.
 */
export async function acquireLease(
  directory: string,
  request: { readonly role: string },
  deps: LeaseDeps,
): Promise<LeaseOutcome> {
  try {
    const unprepared = await prepareLeaseDirectory(directory);
    if (unprepared !== null) return { kind: 'failed', because: unprepared };
    return await acquireIn(leaseFilesIn(directory), request.role, deps);
  } catch (error) {
    return { kind: 'failed', because: fileFailure(`take the lease in ${directory}`, error).because };
  }
}

/** Who holds the lease, without taking it. */
export async function readLease(directory: string, deps: Pick<LeaseDeps, 'isAlive'>): Promise<LeaseReading> {
  try {
    const newest = await readNewest(leaseFilesIn(directory));
    if (newest.kind === 'none') return { kind: 'free' };
    if (newest.kind === 'unknown') return newest;
    return (await isFree(newest.record, deps))
      ? { kind: 'free' }
      : { kind: 'held', holder: holderOf(newest.record) };
  } catch (error) {
    const failure = fileFailure(`read the lease in ${directory}`, error);
    return failure.code === 'ENOENT' ? { kind: 'free' } : { kind: 'unknown', because: failure.because };
  }
}

/** The protocol itself, over any files: real ones, or simulated ones in which every interleaving can be tried. */
export async function acquireIn(files: LeaseFiles, role: string, deps: LeaseDeps): Promise<LeaseOutcome> {
  const identity = await deps.own();
  for (let round = 0; round < maxRounds; round += 1) {
    const newest = await readNewest(files);
    if (newest.kind === 'unknown') return { kind: 'failed', because: newest.because };
    if (newest.kind === 'found' && !(await isFree(newest.record, deps))) {
      return { kind: 'busy', holder: holderOf(newest.record) };
    }
    const number = newest.kind === 'none' ? 1 : newest.number + 1;
    const record: LeaseRecord = { identity, role, since: deps.now(), released: false };
    if (!(await files.create(number, renderRecord(record)))) continue;
    if ((await highest(files)) !== number) {
      // We were slow: others took the lease, gave it back and cleared our number meanwhile.
      await files.remove(number);
      continue;
    }
    await clearBelow(files, number);
    let released: Promise<void> | null = null;
    return {
      kind: 'held',
      release: () => {
        released ??= release(files, number, record);
        return released;
      },
    };
  }
  return { kind: 'failed', because: `the lease was still contended after ${maxRounds} rounds` };
}

/** Never rejects: a lease that could not be given back ends with the process anyway. */
async function release(files: LeaseFiles, number: number, record: LeaseRecord): Promise<void> {
  try {
    if (!(await files.create(number + 1, renderRecord({ ...record, released: true })))) return;
    await clearBelow(files, number + 1);
  } catch {
    // A full disk or a removed directory: the next one to come judges us by our pid, and we are about to end.
  }
}

async function clearBelow(files: LeaseFiles, number: number): Promise<void> {
  for (const each of await files.list()) if (each < number) await files.remove(each);
}

type Newest =
  | { readonly kind: 'none' }
  | { readonly kind: 'found'; readonly number: number; readonly record: LeaseRecord }
  | { readonly kind: 'unknown'; readonly because: string };

async function readNewest(files: LeaseFiles): Promise<Newest> {
  for (let round = 0; round < maxRounds; round += 1) {
    const number = await highest(files);
    if (number === 0) return { kind: 'none' };
    const text = await files.read(number);
    // Cleared between the two calls: a higher one is there by now.
    if (text === null) continue;
    const record = parseRecord(text);
    if (record !== null) return { kind: 'found', number, record };
    return {
      kind: 'unknown',
      because: `the file lease.${number} names no holder; remove it if no watchdog is running`,
    };
  }
  return { kind: 'unknown', because: `the lease changed hands ${maxRounds} times while it was read` };
}

/** Reads the directory until two looks agree: one look may miss a file that came while another one went. */
async function highest(files: LeaseFiles): Promise<number> {
  let before = Math.max(0, ...(await files.list()));
  for (let round = 0; round < maxRounds; round += 1) {
    const now = Math.max(0, ...(await files.list()));
    if (now === before) return now;
    before = now;
  }
  return before;
}

async function isFree(record: LeaseRecord, deps: Pick<LeaseDeps, 'isAlive'>): Promise<boolean> {
  return record.released || (await deps.isAlive(record.identity)) === 'dead';
}

const holderOf = (record: LeaseRecord): LeaseHolder => ({
  pid: record.identity.pid,
  role: record.role,
  since: record.since,
});

const renderRecord = (record: LeaseRecord): string =>
  `${JSON.stringify({ ...record.identity, role: record.role, since: record.since, released: record.released })}\n`;

function parseRecord(text: string): LeaseRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: the caller says which file it was.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const fields = value as Readonly<Record<string, unknown>>;
  const { pid, startedAt, startKey, role, since, released } = fields;
  if (typeof pid !== 'number' || typeof startedAt !== 'number' || typeof since !== 'number') return null;
  if (typeof role !== 'string' || typeof released !== 'boolean') return null;
  const key = typeof startKey === 'string' ? startKey : null;
  return {
    identity: { pid, startedAt: instant(startedAt), startKey: key },
    role,
    since: instant(since),
    released,
  };
}
