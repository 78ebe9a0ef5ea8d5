import type { Cause } from '../../core/cause.ts';
import { inDoubt } from '../../core/decision.ts';
import type { HealthzEvidence } from '../../core/evidence.ts';
import type { Policy } from '../../core/policy.ts';
import type { ServiceState } from '../../core/service.ts';
import type { Instant } from '../../core/time.ts';
import type { StatusReading } from '../../daemon/status-file.ts';
import type { SafeStartHook } from '../../gateway/safe-start-hook.ts';
import type { QuickCause } from '../quick-look.ts';

type Unread = { readonly kind: 'unread'; readonly because: string };

/** Everything one look of `immune status` found: read from files, launchd and /healthz, judged nowhere else. */
export interface StatusFacts {
  readonly now: Instant;
  readonly uid: number;
  readonly file: StatusReading;
  /** Whether the process that wrote the status file is still that process. */
  readonly daemonProcess: 'alive' | 'dead' | 'unknown';
  readonly settings:
    | { readonly kind: 'ok' }
    /** Nothing is installed here, as far as the settings tell. */
    | { readonly kind: 'missing' }
    | { readonly kind: 'problem'; readonly text: string };
  readonly policy: Policy;
  readonly url: string | null;
  readonly healthz: HealthzEvidence | Unread;
  readonly gatewayJob: { readonly label: string | null; readonly state: ServiceState | Unread };
  readonly watchdogJob: { readonly label: string; readonly state: ServiceState | Unread };
  readonly watchdogPlist: string;
  readonly safeStart: SafeStartHook;
  /** Why the gateway does not serve, looked for where no watchdog does; null where nobody looked. */
  readonly found: QuickCause | null;
}

type Verdict =
  | 'serving'
  | 'starting'
  | 'restarting'
  | 'stopped-by-you'
  | 'parked'
  | 'hung'
  | 'down'
  | 'updating'
  | 'not-installed'
  | 'foreign'
  | 'no-gui-session'
  | 'suspended'
  | 'unknown';

export interface GatewayView {
  readonly verdict: Verdict;
  /** A few words after "gateway". */
  readonly summary: string;
  readonly because: string;
  readonly since: Instant | null;
  readonly pid: number | null;
}

export type WatchdogView =
  | { readonly kind: 'alive' }
  /** The process is there and its loop does not turn. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'dead' }
  /** It never ran here. */
  | { readonly kind: 'never' }
  | { readonly kind: 'unreadable'; readonly because: string };

/** A heartbeat is written at every look, at least every 30 s; three times as late is stale, as for the sentinel. */
const staleAfterMs = 90_000;

export function watchdogOf({ file, daemonProcess, now, policy }: StatusFacts): WatchdogView {
  if (file.kind === 'missing') return { kind: 'never' };
  if (file.kind === 'unreadable') return file;
  if (daemonProcess === 'dead') return { kind: 'dead' };
  // A heartbeat from the future was written before the clock was set back: it says nothing about its age.
  const age = Math.abs(now - file.status.at);
  if (age <= Math.max(staleAfterMs, 3 * policy.tickMs)) return { kind: 'alive' };
  return daemonProcess === 'alive' ? { kind: 'stale' } : { kind: 'dead' };
}

/** The gateway as of now: what the watchdog knows if it is fresh, corrected by what we just saw ourselves. */
export function gatewayOf(facts: StatusFacts): GatewayView {
  const { gatewayJob, healthz, file } = facts;
  const pid = gatewayJob.state.kind === 'running' ? gatewayJob.state.pid : null;
  if (file.kind === 'read' && watchdogOf(facts).kind === 'alive') return watched(facts, pid);
  const seen = unwatched(facts);
  const told = file.kind === 'read' ? file.status.state : null;
  // Only "stopped by you" outlives the watchdog that saw it: a job that is still not loaded is still stopped.
  if (
    told !== null &&
    told.wanted === 'down' &&
    gatewayJob.state.kind === 'not-loaded' &&
    healthz.kind !== 'live'
  ) {
    return { ...seen, verdict: 'stopped-by-you', summary: 'stopped by you', because: told.because };
  }
  if (facts.found === null || facts.found.cause === 'serving') return { ...seen, pid };
  const { cause, because } = facts.found;
  const { verdict, summary } = causeWords[cause];
  return { verdict, summary: cause === 'unknown' ? seen.summary : summary, because, since: null, pid };
}

function watched(facts: StatusFacts, seenPid: number | null): GatewayView {
  const { file, healthz, gatewayJob } = facts;
  if (file.kind !== 'read') return unwatched(facts);
  const { state } = file.status;
  const pid = seenPid ?? (gatewayJob.state.kind === 'unread' ? (state.generation?.pid ?? null) : null);
  const words = causeWords[state.cause];
  const slow = state.cause === 'booting' && state.because.includes('slower than usual');
  const view: GatewayView = {
    verdict: words.verdict,
    summary: slow ? 'starting, slower than usual' : words.summary,
    because: state.because,
    since: sinceWhen(facts),
    pid,
  };
  const silent = healthz.kind === 'refused' || healthz.kind === 'timeout' || healthz.kind === 'reset';
  if (view.verdict === 'serving' && silent) {
    return {
      ...view,
      verdict: 'down',
      summary: 'not answering at this moment',
      because: `${healthzWords(healthz)}; the watchdog saw it serving a moment ago and looks again within seconds`,
      since: null,
    };
  }
  const recovering: readonly Verdict[] = ['starting', 'restarting', 'hung', 'down'];
  if (healthz.kind === 'live' && recovering.includes(view.verdict)) {
    return {
      ...view,
      summary: `${view.summary}; it answers at this moment, the watchdog has not confirmed it yet`,
    };
  }
  return view;
}

/** Serving counts from the moment it was ready; trouble from the first failed look. */
function sinceWhen({ file }: StatusFacts): Instant | null {
  if (file.kind !== 'read') return null;
  const { cause, generation, failing, incident } = file.status.state;
  if (cause === 'serving') return generation?.readyAt ?? null;
  if (cause === 'booting') return generation?.startedAt ?? generation?.firstSeenAt ?? null;
  return failing?.since ?? incident?.openedAt ?? null;
}

/** What can be said without a watchdog: one answer of /healthz and one of launchd, no history. */
function unwatched({ healthz, gatewayJob }: StatusFacts): GatewayView {
  const job = gatewayJob.state;
  const plain = { since: null, pid: null };
  if (healthz.kind === 'live') {
    return {
      ...plain,
      verdict: 'serving',
      summary: 'answering, but not watched',
      because: healthzWords(healthz),
    };
  }
  if (job.kind === 'no-domain') {
    return { ...plain, verdict: 'no-gui-session', summary: 'no GUI session', because: job.because };
  }
  if (healthz.kind === 'foreign') {
    return {
      ...plain,
      verdict: 'foreign',
      summary: 'another program answers',
      because: healthzWords(healthz),
    };
  }
  if (job.kind === 'not-loaded') {
    return { ...plain, verdict: 'down', summary: 'down', because: 'its job is not loaded' };
  }
  if (job.kind === 'running') {
    return {
      ...plain,
      verdict: 'unknown',
      summary: healthz.kind === 'timeout' ? 'not answering' : 'not serving',
      because: `process ${job.pid} runs and ${healthzWords(healthz)}: it is starting, or it hangs; nobody watches which`,
    };
  }
  const silent = healthz.kind === 'refused';
  return {
    ...plain,
    verdict: silent ? 'down' : 'unknown',
    summary: silent ? 'down' : 'unknown',
    because: healthzWords(healthz),
  };
}

function healthzWords(healthz: StatusFacts['healthz']): string {
  switch (healthz.kind) {
    case 'live':
      return 'it answers';
    case 'refused':
      return 'connections are refused';
    case 'timeout':
      return 'it gives no answer';
    case 'reset':
    case 'foreign':
    case 'unreachable':
    case 'error':
    case 'unread':
      return healthz.because;
    default:
      return healthz satisfies never;
  }
}

const causeWords: Readonly<Record<Cause, { readonly verdict: Verdict; readonly summary: string }>> = {
  serving: { verdict: 'serving', summary: 'serving' },
  booting: { verdict: 'starting', summary: 'starting' },
  draining: { verdict: 'restarting', summary: 'stopping or restarting by itself' },
  crashed: { verdict: 'down', summary: 'down' },
  'crash-loop': { verdict: 'down', summary: 'crash loop' },
  hung: { verdict: 'hung', summary: 'hung' },
  'boot-stalled': { verdict: 'hung', summary: 'stuck while starting' },
  'listener-lost': { verdict: 'hung', summary: 'alive, but accepts no connections' },
  'relaunch-late': { verdict: 'down', summary: 'down, launchd is about to start it' },
  pended: { verdict: 'down', summary: 'down, held back by launchd' },
  'job-stopped': { verdict: 'down', summary: 'down' },
  unloaded: { verdict: 'down', summary: 'down, its job is not loaded' },
  'unloaded-again': { verdict: 'down', summary: 'left down' },
  parked: { verdict: 'parked', summary: 'parked by OpenClaw' },
  'parked-cause-present': { verdict: 'parked', summary: 'parked by OpenClaw' },
  'parked-again': { verdict: 'parked', summary: 'parked by OpenClaw, twice' },
  'stopped-by-operator': { verdict: 'stopped-by-you', summary: 'stopped by you' },
  'disabled-by-operator': { verdict: 'stopped-by-you', summary: 'stopped by you' },
  'not-installed': { verdict: 'not-installed', summary: 'not installed as a service' },
  'port-foreign': { verdict: 'foreign', summary: 'kept out by another program on its port' },
  'port-orphan': { verdict: 'foreign', summary: 'kept out by another gateway on its port' },
  'two-gateways': { verdict: 'down', summary: 'kept out by a second gateway' },
  'config-invalid': { verdict: 'down', summary: 'down, its config is invalid' },
  'config-clobbered': { verdict: 'down', summary: 'down, its config was clobbered' },
  'config-latent': { verdict: 'serving', summary: 'serving, but the config on disk is invalid' },
  'half-install': { verdict: 'down', summary: 'down, half installed' },
  'dependency-missing': { verdict: 'down', summary: 'down, a dependency is missing' },
  'dist-corrupted': { verdict: 'down', summary: 'down, its program is damaged' },
  'dependency-latent': { verdict: 'serving', summary: 'serving, but its package on disk is damaged' },
  'plugin-broken': { verdict: 'down', summary: 'stuck on a broken plugin' },
  'node-missing': { verdict: 'down', summary: 'down, its Node cannot run it' },
  'environment-broken': { verdict: 'down', summary: 'down, its start script or environment is broken' },
  'schema-newer': { verdict: 'down', summary: 'down, its database is newer than the program' },
  'disk-full': { verdict: 'down', summary: 'down, the disk is full' },
  descriptors: { verdict: 'hung', summary: 'hung, out of file descriptors' },
  'memory-runaway': { verdict: 'hung', summary: 'hung, out of bounds in memory' },
  'auth-mismatch': { verdict: 'serving', summary: 'serving, refuses our token' },
  'channels-suppressed': { verdict: 'serving', summary: 'serving, channels suppressed' },
  'host-suspended': { verdict: 'suspended', summary: 'suspended by its host' },
  'update-running': { verdict: 'updating', summary: 'being updated' },
  woken: { verdict: 'unknown', summary: 'looking again after a sleep' },
  'no-domain': { verdict: 'no-gui-session', summary: 'no GUI session' },
  unknown: { verdict: 'unknown', summary: 'unknown' },
};

/** The watchdog looks on and decides nothing until a person resumes it: its journal was damaged, or it has a bug. */
export function doubtsItself({ file }: StatusFacts): boolean {
  return file.kind === 'read' && inDoubt(file.status.state);
}

/** 0 only when the gateway serves and somebody watches it who would act. */
export function statusExitCode(facts: StatusFacts): 0 | 3 {
  if (doubtsItself(facts)) return 3;
  return gatewayOf(facts).verdict === 'serving' && watchdogOf(facts).kind === 'alive' ? 0 : 3;
}
