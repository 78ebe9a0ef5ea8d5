import type { Disabled, ServiceOutcome, ServiceState } from '../../core/service.ts';
import { type Clock, type Millis, seconds } from '../../core/time.ts';
import type { Run, RunResult } from '../run.ts';
import { explainFailure, isNoDomain, type Verb } from './explain.ts';
import { parsePrint, parsePrintDisabled } from './print.ts';

export interface LaunchdOptions {
  /** Absolute path of launchctl. */
  readonly launchctl: string;
  readonly uid: number;
  readonly run: Run;
  readonly clock: Clock;
}

/** What the longer requests (bootstrap, bootout, kickstart) are made of. */
export interface Door {
  readonly clock: Clock;
  readonly domain: string;
  target(label: string): string;
  call(args: readonly string[], timeoutMs: Millis): Promise<RunResult>;
  read(label: string): Promise<ServiceState>;
  readDisabled(label: string): Promise<Disabled>;
  failed(verb: Verb, label: string, result: RunResult): ServiceOutcome;
}

/** A lookup answers in milliseconds; five seconds without an answer is a launchctl that hangs. */
export const lookupTimeoutMs = seconds(5);
export function openDoor({ launchctl, uid, run, clock }: LaunchdOptions): Door {
  const domain = `gui/${uid}`;
  const target = (label: string) => `${domain}/${label}`;
  const call = (args: readonly string[], timeoutMs: Millis) => run({ file: launchctl, args, timeoutMs });
  return {
    clock,
    domain,
    target,
    call,
    read: async (label) => {
      const result = await call(['print', target(label)], lookupTimeoutMs);
      if (result.kind !== 'exited')
        return { kind: 'unknown', because: explainFailure('print', label, result) };
      if (result.code === 0) return parsePrint(result.stdout, label);
      if (result.code === 113) return { kind: 'not-loaded' };
      const because = explainFailure('print', label, result);
      return { kind: isNoDomain(result.code) ? 'no-domain' : 'unknown', because };
    },
    readDisabled: async (label) => {
      const result = await call(['print-disabled', domain], lookupTimeoutMs);
      return succeeded(result) ? parsePrintDisabled(result.stdout, label) : 'unknown';
    },
    failed: (verb, label, result) => ({
      kind: 'failed',
      code: result.kind === 'exited' ? result.code : null,
      because: explainFailure(verb, label, result),
    }),
  };
}

type Success = RunResult & { readonly kind: 'exited'; readonly code: 0 };

export const succeeded = (result: RunResult): result is Success =>
  result.kind === 'exited' && result.code === 0;
