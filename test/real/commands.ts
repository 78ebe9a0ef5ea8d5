import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Null when a signal ended it or it ran out of time. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

interface CommandOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs: number;
}

/** More than any command of the scenarios prints; the rest is dropped. */
const maxOutput = 4 * 1_048_576;

/** After the exit the pipes usually close at once; whoever still holds them later is not waited for. */
const pipeGraceMs = 1_000;

/** Runs one command to its end and never throws: what it answered is what a scenario checks. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const started = performance.now();
  const child = spawn(file, [...args], {
    env: { ...options.env },
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => {
      if (output[name].length < maxOutput) output[name] += text;
    });
  }
  return new Promise((resolve) => {
    const done = (code: number | null) =>
      resolve({ code, ...output, tookMs: Math.round(performance.now() - started) });
    child.once('error', (error) => {
      output.stderr += String(error);
      done(null);
    });
    // `close` waits for every holder of the pipes, and a detached helper may keep them for long after the exit.
    child.once('exit', (code) => setTimeout(() => done(code), pipeGraceMs));
    child.once('close', done);
  });
}
