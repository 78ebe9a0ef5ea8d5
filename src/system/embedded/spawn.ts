import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { ParsedJob } from '../launchd/job.ts';

export interface ProcessExit {
  readonly code: number;
  /** Set when a signal ended it; the code means nothing then. */
  readonly signal: NodeJS.Signals | null;
}

/** A run of a job. `exited` settles once the process is gone. */
export interface RunningProcess {
  readonly pid: number;
  readonly exited: Promise<ProcessExit>;
}

const standardPath = '/usr/bin:/bin:/usr/sbin:/sbin';

/** The environment launchd gives a job of the gui domain: little of ours, then the job's own. */
export function jobEnvironment(job: ParsedJob): Readonly<Record<string, string>> {
  const login = ['HOME', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR'];
  const inherited = login.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    PATH: standardPath,
    ...Object.fromEntries(inherited),
    OSLogRateLimit: '64',
    ...job.environmentVariables,
    XPC_SERVICE_NAME: job.label,
  };
}

/** Starts the job's program in a session of its own; null when it cannot be set up or executed (launchd's exit 78). */
export async function spawnJob(job: ParsedJob): Promise<RunningProcess | null> {
  const [argv0, ...rest] = job.programArguments;
  const file = resolveProgram(job.program ?? argv0 ?? '');
  if (file === null) return null;
  // umask(2) is the process's and Node's spawn has no option for it; the fork happens before this function yields.
  const umask = job.umask === null ? null : process.umask(job.umask);
  const opened: number[] = [];
  let child: ChildProcess;
  try {
    const open = (path: string | null, flags: 'r' | 'a+') => {
      // launchd makes the folder of an output file too.
      if (path !== null && flags === 'a+') mkdirSync(dirname(path), { recursive: true });
      const descriptor = openSync(path ?? '/dev/null', flags, 0o666);
      opened.push(descriptor);
      return descriptor;
    };
    const stdin = open(job.standardInPath, 'r');
    const stdout = open(job.standardOutPath, 'a+');
    const stderr = open(job.standardErrorPath, 'a+');
    child = spawn(file, rest, {
      argv0: argv0 ?? file,
      cwd: job.workingDirectory ?? '/',
      env: jobEnvironment(job),
      stdio: [stdin, stdout, stderr],
      detached: true,
      shell: false,
    });
  } catch {
    // A standard path that cannot be opened (or an argument no process can take) is the very case of exit 78.
    return null;
  } finally {
    if (umask !== null) process.umask(umask);
    for (const descriptor of opened) closeSync(descriptor);
  }
  return watch(child);
}

async function watch(child: ChildProcess): Promise<RunningProcess | null> {
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ signal, code: code ?? 0 }));
  });
  const pid = child.pid;
  if (pid !== undefined) {
    // A late error (a failed kill, say) must not end the supervisor; the exit event tells all we need.
    child.on('error', () => undefined);
    return { pid, exited };
  }
  await new Promise<void>((resolve) => {
    child.once('error', () => resolve());
  });
  return null;
}

/** launchd takes an absolute path, or looks through the standard path. */
function resolveProgram(program: string): string | null {
  const candidates = isAbsolute(program)
    ? [program]
    : standardPath.split(':').map((folder) => join(folder, program));
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing or not executable: the caller treats both as a program that cannot be started.
    return false;
  }
}

/** Sends a signal to a process, or with `group` to its whole process group; false when nobody is left. */
export function sendSignal(
  pid: number,
  signal: NodeJS.Signals,
  options: { readonly group: boolean },
): boolean {
  try {
    process.kill(options.group ? -pid : pid, signal);
    return true;
  } catch {
    // Already gone, or (a member of the group that changed its user) not ours to signal: launchd ignores both too.
    return false;
  }
}
