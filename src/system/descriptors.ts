import { readdir, readFile } from 'node:fs/promises';
import type { DescriptorEvidence } from '../core/ground-evidence.ts';
import { errorCode } from './file-failure.ts';

/**
 * Open descriptors of a process against its own soft limit, by /proc and without a child process. A Mac shows nobody the
 * limit of another process, and the numbers one could put in its place are wrong: Node raises its soft limit as far as
 * the system lets it when it starts (256 became 20,000 where that was tried), so neither launchd's 256 nor a
 * SoftResourceLimits of the plist holds. There it stays unknown, and EMFILE in the gateway's log is the sign.
 */
export async function readDescriptors(
  pid: number,
  { proc = '/proc', platform = process.platform }: { proc?: string; platform?: NodeJS.Platform } = {},
): Promise<DescriptorEvidence> {
  if (platform !== 'linux') {
    return { kind: 'unknown', because: 'this system shows nobody the limit of another process' };
  }
  try {
    const [open, limits] = await Promise.all([
      readdir(`${proc}/${pid}/fd`),
      readFile(`${proc}/${pid}/limits`, 'utf8'),
    ]);
    const limit = parseOpenFilesLimit(limits);
    if (limit !== null) return { kind: 'read', pid, open: open.length, limit };
    return { kind: 'unknown', because: `process ${pid} has no limit of open files that could be read` };
  } catch (error) {
    return {
      kind: 'unknown',
      because: `the open files of process ${pid} cannot be counted (${errorCode(error)})`,
    };
  }
}

/** The soft limit: the first number behind the name. `unlimited` is no number to come close to. */
function parseOpenFilesLimit(text: string): number | null {
  const found = /^Max open files\s+(\d+)\s/m.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
