import { execa } from 'execa';

interface RunRequest {
  /** Absolute path: nothing is looked up on PATH. */
  readonly file: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
  /** The whole environment of the child; without it the child gets `cleanEnvironment()`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** Output is bytes, not text: each character of the answer is one byte (`Buffer.from(stdout, 'latin1')`). */
  readonly bytes?: boolean;
  /** Captured output beyond this is cut (default 1 MiB): a child that floods us must not fill our memory. */
  readonly maxBytes?: number;
  /** Ends the child as a deadline would; the answer is `signaled`. */
  readonly signal?: AbortSignal;
}

export type RunResult =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'signaled'; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly kind: 'timed-out'; readonly afterMs: number }
  | { readonly kind: 'not-started'; readonly because: string };

export type Run = (request: RunRequest) => Promise<RunResult>;

const defaultMaxBytes = 1_048_576;
/** After SIGTERM a child has this long before SIGKILL. */
const killAfterMs = 2_000;
/** What a dead child left in its pipes (64 KiB each) is read well within this. */
const drainMs = 1_000;

/**
 * What our children see: a fixed PATH and locale, the home, nothing else. OpenClaw refuses service commands when it
 * finds its own service markers (OPENCLAW_*, XPC_SERVICE_NAME) inherited, and NODE_OPTIONS would load foreign code.
 */
export function cleanEnvironment(): Record<string, string> {
  const home = process.env['HOME'];
  return {
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    LANG: 'C',
    LC_ALL: 'C',
    ...(home === undefined ? {} : { HOME: home }),
  };
}

/** After SIGKILL and the last of its output a child is reaped within milliseconds. */
const stuckMs = 1_000;

/** Runs one program by argv, without a shell, with a deadline and a bound on its output. Never throws. */
export const run: Run = async (request) => {
  const child = execa(request.file, [...request.args], {
    reject: false,
    shell: false,
    extendEnv: false,
    env: { ...(request.env ?? cleanEnvironment()) },
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...(request.input === undefined ? { stdin: 'ignore' as const } : { input: request.input }),
    ...(request.bytes === true ? { encoding: 'latin1' as const } : {}),
    timeout: request.timeoutMs,
    ...(request.signal === undefined ? {} : { cancelSignal: request.signal }),
    forceKillAfterDelay: killAfterMs,
    // Left on, the package listens for SIGTERM while a child runs and raises it again: the daemon would die at once
    // instead of ending in good order, and a launchctl that is restarting the gateway would be cut off with it.
    cleanup: false,
    maxBuffer: request.maxBytes ?? defaultMaxBytes,
    stripFinalNewline: false,
    windowsHide: true,
  });
  // A grandchild may keep the pipes open long after our child is gone; we wait for our child, not for its offspring.
  let draining: NodeJS.Timeout | undefined;
  child.nodeChildProcess.once('exit', () => {
    draining = setTimeout(() => {
      child.nodeChildProcess.stdout?.destroy();
      child.nodeChildProcess.stderr?.destroy();
    }, drainMs);
  });
  let given: NodeJS.Timeout | undefined;
  // A child in an uninterruptible wait (a dead network volume) outlives SIGKILL; nobody waits for it for ever.
  const stuck = new Promise<'stuck'>((resolve) => {
    given = setTimeout(() => resolve('stuck'), request.timeoutMs + killAfterMs + drainMs + stuckMs);
  });
  const result = await Promise.race([child, stuck]);
  clearTimeout(given);
  clearTimeout(draining);
  if (result === 'stuck') {
    child.nodeChildProcess.stdout?.destroy();
    child.nodeChildProcess.stderr?.destroy();
    child.nodeChildProcess.unref();
    return { kind: 'timed-out', afterMs: request.timeoutMs };
  }
  const stdout = typeof result.stdout === 'string' ? result.stdout : '';
  const stderr = typeof result.stderr === 'string' ? result.stderr : '';
  if (result.timedOut) return { kind: 'timed-out', afterMs: request.timeoutMs };
  if (result.exitCode !== undefined) return { kind: 'exited', code: result.exitCode, stdout, stderr };
  if (result.signal !== undefined) return { kind: 'signaled', signal: result.signal, stdout, stderr };
  return { kind: 'not-started', because: result.originalMessage ?? 'the program could not be started' };
};
