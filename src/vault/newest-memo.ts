import { promises as files } from 'node:fs';
import { join } from 'node:path';
import { readIfExists } from '../system/durable-file.ts';

/** What was stored last on a branch, so that the same content costs no git at all. */
interface Stored {
  readonly key: string;
  readonly commit: string;
  /** False when the work tree could not be made to show it. */
  readonly shown: boolean;
}

export type Memo = Readonly<Partial<Record<'main' | 'aside', Stored>>>;

const name = 'immune-newest.json';
const maxBytes = 4_096;

/** Only a memo: it is believed where the branch still names its commit, and what is unreadable means nothing. */
export async function readMemo(store: string): Promise<Memo> {
  const read = await readIfExists(join(store, name), maxBytes);
  if (read.kind !== 'read') return {};
  try {
    const value: unknown = JSON.parse(read.bytes.toString('utf8'));
    const part = (branch: string) => stored((value as Readonly<Record<string, unknown>> | null)?.[branch]);
    const main = part('main');
    const aside = part('aside');
    return { ...(main === null ? {} : { main }), ...(aside === null ? {} : { aside }) };
  } catch {
    // Torn by a power cut: the next record asks git instead.
    return {};
  }
}

function stored(value: unknown): Stored | null {
  if (typeof value !== 'object' || value === null) return null;
  const { key, commit, shown } = value as Readonly<Record<string, unknown>>;
  if (typeof key !== 'string' || typeof commit !== 'string' || typeof shown !== 'boolean') return null;
  return { key, commit, shown };
}

/** Not synced: losing it costs one more question to git. */
export async function writeMemo(store: string, memo: Memo): Promise<void> {
  const temporary = join(store, `${name}.tmp`);
  try {
    await files.writeFile(temporary, JSON.stringify(memo), { mode: 0o600 });
    await files.rename(temporary, join(store, name));
  } catch {
    // A disk that has just become full: the snapshot itself is stored, and the next record asks git instead.
  }
}
