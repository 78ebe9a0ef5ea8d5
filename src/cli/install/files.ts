import { constants, promises as files } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { millis } from '../../core/time.ts';
import { readIfExists, syncDirectory, writeDurable } from '../../system/durable-file.ts';
import { errorCode, fileFailure } from '../../system/file-failure.ts';
import type { Run, RunResult } from '../../system/run.ts';
import { done, failed, type Step, type StepOutcome, stagedFile, type Undo } from './steps.ts';

type FileStep = Extract<Step, { kind: 'directory' | 'copy' | 'write' | 'link' | 'remove' }>;

/** The first start of a fresh copy of Node may be scanned by the system, which takes seconds on a busy machine. */
const smokeTimeoutMs = millis(60_000);
/** Our text files are a few kilobytes. */
const longestTextBytes = 1_048_576;

/** Performs one file step. Every success but a removal carries the way back. */
export async function performFileStep(step: FileStep, run: Run): Promise<StepOutcome> {
  try {
    switch (step.kind) {
      case 'directory':
        return await makeDirectory(step.path, step.mode);
      case 'copy':
        return await copyFile(step, run);
      case 'write':
        return await writeFile(step, run);
      case 'link':
        await files.symlink(step.target, step.path);
        return done(undoing(`remove ${step.path}`, () => files.unlink(step.path)));
      case 'remove':
        await files.rm(step.path, { recursive: true, force: true });
        return done();
      default:
        return step satisfies never;
    }
  } catch (error) {
    return failed(fileFailure(`${step.kind} ${step.path}`, error).because);
  }
}

function undoing(what: string, action: () => Promise<unknown>): Undo {
  return async () => {
    try {
      await action();
      return null;
    } catch (error) {
      return fileFailure(what, error).because;
    }
  };
}

/** Makes a directory, or closes one that others can look into. */
async function makeDirectory(path: string, mode: number): Promise<StepOutcome> {
  const first = await files.mkdir(path, { recursive: true, mode });
  const before = (await files.stat(path)).mode & 0o7777;
  await files.chmod(path, mode);
  if (first === undefined) return done(undoing(`reopen ${path}`, () => files.chmod(path, before)));
  return done(
    undoing(`remove ${path}`, async () => {
      // A private directory we made a moment ago holds only ours; a shared one goes only when it is empty.
      if (mode === 0o700) await files.rm(path, { recursive: true, force: true });
      await removeEmptyParents(mode === 0o700 ? dirname(path) : path, first);
    }),
  );
}

/** Removes what `mkdir -p` made above our directory, as long as nobody else has put something there. */
async function removeEmptyParents(from: string, first: string): Promise<void> {
  let path = from;
  while (path.startsWith(first)) {
    try {
      await files.rmdir(path);
    } catch (error) {
      if (errorCode(error) === 'ENOTEMPTY' || errorCode(error) === 'ENOENT') return;
      throw error;
    }
    path = dirname(path);
  }
}

/**
 * Copies to a temporary name, tries the copy, renames. A program that runs is never written into: macOS keeps the
 * signature of a Mach-O with the file it was read from, and kills what is started from a changed one.
 */
async function copyFile(step: Extract<Step, { kind: 'copy' }>, run: Run): Promise<StepOutcome> {
  const extension = extname(step.path);
  const hidden = join(dirname(step.path), `.${basename(step.path, extension)}`);
  const staged = `${hidden}.staged-${process.pid}${extension}`;
  const previous = `${hidden}.previous${extension}`;
  await clearStaged(`${hidden}.staged-`, extension);
  try {
    await files.copyFile(step.from, staged, constants.COPYFILE_FICLONE);
    await files.chmod(staged, step.mode);
    const handle = await files.open(staged, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    const [file, ...args] = step.smoke.map((word) => (word === stagedFile ? staged : word));
    if (file !== undefined) {
      const tried = await run({ file, args, timeoutMs: smokeTimeoutMs });
      if (tried.kind !== 'exited' || tried.code !== 0) {
        return failed(`the copy of ${step.from} does not work: ${describeRun(tried)}`);
      }
    }
    const kept = await keepPrevious(step.path, previous);
    await files.rename(staged, step.path);
    await syncDirectory(dirname(step.path));
    const undo = kept ? () => files.rename(previous, step.path) : () => files.unlink(step.path);
    return done(
      undoing(`put ${step.path} back`, undo),
      kept ? () => files.rm(previous, { force: true }) : null,
    );
  } finally {
    await files.rm(staged, { force: true });
  }
}

/** Removes what an installation left that was killed while it copied; the pid is in the name. */
async function clearStaged(prefix: string, extension: string): Promise<void> {
  for (const name of await files.readdir(dirname(prefix))) {
    if (!name.startsWith(basename(prefix)) || !name.endsWith(extension)) continue;
    const pid = Number.parseInt(name.slice(basename(prefix).length), 10);
    if (!isAlive(pid)) await files.rm(join(dirname(prefix), name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Only "no such process" proves it dead; a process we may not signal is alive.
    return errorCode(error) !== 'ESRCH';
  }
}

/** A second name for the file about to be replaced; renaming over the first leaves it untouched. */
async function keepPrevious(path: string, previous: string): Promise<boolean> {
  await files.rm(previous, { force: true });
  try {
    await files.link(path, previous);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function writeFile(step: Extract<Step, { kind: 'write' }>, run: Run): Promise<StepOutcome> {
  const before = await readIfExists(step.path, longestTextBytes);
  if (before.kind === 'too-large' || before.kind === 'unreadable') return failed(before.because);
  const mode = before.kind === 'read' ? (await files.stat(step.path)).mode & 0o7777 : step.mode;
  const written = await writeDurable(step.path, step.text, { mode: step.mode });
  if (written.kind === 'failed') return failed(written.because);
  const undo: Undo = async () => {
    if (before.kind === 'missing') return undoing(`remove ${step.path}`, () => files.unlink(step.path))();
    const restored = await writeDurable(step.path, before.bytes, { mode });
    return restored.kind === 'failed' ? restored.because : null;
  };
  const [file, ...args] = step.lint ?? [];
  if (file !== undefined) {
    const checked = await run({ file, args, timeoutMs: smokeTimeoutMs });
    if (checked.kind !== 'exited' || checked.code !== 0) {
      const left = await undo();
      return failed(
        `${file} does not accept ${step.path}: ${describeRun(checked)}${left === null ? '' : `; and ${left}`}`,
      );
    }
  }
  return done(undo);
}

/** A message of a failed program longer than this says nothing more. */
const longestMessage = 300;

function describeRun(result: RunResult): string {
  switch (result.kind) {
    case 'timed-out':
      return `no answer within ${Math.round(result.afterMs / 1000)} s`;
    case 'signaled':
      return `ended by ${result.signal}`;
    case 'not-started':
      return result.because.slice(0, longestMessage);
    case 'exited': {
      const message = (result.stderr.trim() || result.stdout.trim()).slice(0, longestMessage);
      return `exit code ${result.code}${message === '' ? '' : ` (${message})`}`;
    }
    default:
      return result satisfies never;
  }
}
