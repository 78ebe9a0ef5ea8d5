import { randomBytes } from 'node:crypto';
import { promises as files } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDirectory, readIfExists } from './durable-file.ts';
import { errorCode } from './file-failure.ts';

/** The few operations a lease rests on: numbered files that come into being complete, and never change. */
export interface LeaseFiles {
  /** The numbers there are, in no order. */
  list(): Promise<readonly number[]>;
  /** null when the file is no longer there. */
  read(number: number): Promise<string | null>;
  /** False when the number is taken. */
  create(number: number, text: string): Promise<boolean>;
  remove(number: number): Promise<void>;
}

const maxBytes = 4_096;
const leaseName = /^lease\.(\d{1,15})$/;
const temporaryName = /^lease-(\d+)-[0-9a-f]+\.tmp$/;

/** Real files in a directory. Throws what the file system throws; `acquireLease` turns that into a value. */
export function leaseFilesIn(directory: string): LeaseFiles {
  const path = (number: number): string => join(directory, `lease.${number}`);
  return {
    list: async () => {
      const numbers = (await files.readdir(directory)).flatMap((name) => {
        const match = leaseName.exec(name);
        return match === null ? [] : [Number(match[1])];
      });
      return numbers;
    },
    read: async (number) => {
      const outcome = await readIfExists(path(number), maxBytes);
      if (outcome.kind === 'missing') return null;
      if (outcome.kind === 'read') return outcome.bytes.toString('utf8');
      throw Object.assign(new Error(outcome.because), { code: 'ELEASE' });
    },
    create: (number, text) => createLinked(directory, path(number), text),
    remove: (number) => files.rm(path(number), { force: true }),
  };
}

/** Prepares the directory, and removes temporary files whose writers died between two calls. */
export async function prepareLeaseDirectory(directory: string): Promise<string | null> {
  const prepared = await ensurePrivateDirectory(directory);
  if (prepared.kind === 'failed') return prepared.because;
  for (const name of await files.readdir(directory)) {
    const match = temporaryName.exec(name);
    if (match === null || writerLives(Number(match[1]))) continue;
    await files.rm(join(directory, name), { force: true });
  }
  return null;
}

/** link(2) fails when the name exists and shows a complete file at once: a lease is never seen half-written. */
async function createLinked(directory: string, target: string, text: string): Promise<boolean> {
  const temporary = join(directory, `lease-${process.pid}-${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await files.open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      // An empty lease after a power loss would name no holder and could never be judged dead.
      await handle.sync();
    } finally {
      await handle.close();
    }
    await files.link(temporary, target);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await files.rm(temporary, { force: true });
  }
}

function writerLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}
