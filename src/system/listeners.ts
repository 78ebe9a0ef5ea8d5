import { type Listener, parseLsof, parseNetstat } from './listener-text.ts';
import { type Run, run as realRun } from './run.ts';

export type ListenersOutcome =
  | { readonly kind: 'ok'; readonly listeners: readonly Listener[] }
  | { readonly kind: 'unknown'; readonly because: string };

/** Absolute paths; null where the machine has no such tool. */
export interface ListenerTools {
  readonly lsof: string | null;
  readonly netstat: string | null;
  /** Defaults to the real one. */
  readonly run?: Run;
  /** Which netstat it is, and whether we are root: parameters for tests. */
  readonly platform?: NodeJS.Platform;
  readonly uid?: number;
}

const timeoutMs = 5_000;
/** A busy machine's whole connection table, several times over. */
const maxBytes = 4 * 1_048_576;

/** Where one process listens; empty when it does not, or when that cannot be told. One child process. */
export async function readListenersOf(pid: number, tools: ListenerTools): Promise<readonly string[]> {
  if (tools.lsof === null) return [];
  const args = ['-nP', '-a', '-p', String(pid), '-iTCP', '-sTCP:LISTEN', '-Fpcun'];
  const result = await (tools.run ?? realRun)({ file: tools.lsof, args, timeoutMs, maxBytes });
  if (result.kind !== 'exited') return [];
  return parseLsof(result.stdout)
    .filter((listener) => listener.pid === pid)
    .map((listener) => listener.address);
}

/**
 * Who listens on a TCP port. One child process when lsof answers; without rights lsof silently leaves out other
 * users' processes, so that "nobody" is believed only after netstat, which sees them all, agrees.
 */
export async function readListeners(port: number, tools: ListenerTools): Promise<ListenersOutcome> {
  const run = tools.run ?? realRun;
  const reasons: string[] = [];

  if (tools.lsof !== null) {
    const args = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpcun'];
    const result = await run({ file: tools.lsof, args, timeoutMs, maxBytes });
    if (result.kind === 'exited') {
      const listeners = parseLsof(result.stdout);
      if (listeners.length > 0) return { kind: 'ok', listeners };
      // Exit code 1 without output is lsof's way to say "none".
      const none = result.code <= 1 && result.stdout.trim() === '';
      if (none && (tools.uid ?? process.getuid?.()) === 0) return { kind: 'ok', listeners: [] };
      reasons.push(
        none ? 'lsof shows no listener of this user' : `lsof failed with exit code ${result.code}`,
      );
    } else {
      reasons.push(`lsof gave no answer (${result.kind})`);
    }
  } else {
    reasons.push('there is no lsof');
  }

  if (tools.netstat === null) return { kind: 'unknown', because: `${reasons[0]}, and there is no netstat` };
  const darwin = (tools.platform ?? process.platform) === 'darwin';
  const args = darwin ? ['-anv', '-p', 'tcp'] : ['-lntpe'];
  const result = await run({ file: tools.netstat, args, timeoutMs, maxBytes });
  if (result.kind === 'exited' && result.code === 0) {
    const listeners = parseNetstat(result.stdout, port);
    if (listeners !== null) return { kind: 'ok', listeners };
    reasons.push('the output of netstat could not be parsed');
  } else {
    reasons.push(`netstat gave no answer (${result.kind})`);
  }
  return { kind: 'unknown', because: reasons.join(', and ') };
}
