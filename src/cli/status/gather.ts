import { loadSettings, type Settings } from '../../config/settings.ts';
import type { HealthzEvidence } from '../../core/evidence.ts';
import { defaultPolicy } from '../../core/policy.ts';
import type { Disabled, ServiceState } from '../../core/service.ts';
import { seconds } from '../../core/time.ts';
import { readStatus, type StatusReading } from '../../daemon/status-file.ts';
import { readGatewayConfig } from '../../gateway/config-file.ts';
import { resolveEndpoint } from '../../gateway/endpoint.ts';
import { createHttpProbe } from '../../gateway/healthz.ts';
import { readText } from '../../gateway/read-text.ts';
import { readHook, type SafeStartHook } from '../../gateway/safe-start-hook.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { launchdManager } from '../../system/launchd/door.ts';
import { parsePlist } from '../../system/launchd/plist.ts';
import { run } from '../../system/run.ts';
import type { Context } from '../context.ts';
import { holdsLease, processExists, surelyFreshMs } from '../daemon-process.ts';
import { labelOf } from '../install/names.ts';
import { plistPathOf } from '../install/target.ts';
import { findOnPath } from '../install/tools.ts';
import { problemsText } from '../settings-words.ts';
import { type StatusFacts, watchdogOf } from './view.ts';

/** A live gateway answers in 2 ms; a person waits for this. */
const healthzTimeoutMs = 500;
/** launchctl answers in milliseconds; a hanging one must not hang us. */
const launchctlTimeoutMs = seconds(2);

type JobState = ServiceState | { readonly kind: 'unread'; readonly because: string };

interface GatherHow {
  /** Whether OpenClaw may be asked about its config, which takes seconds. */
  readonly judge: boolean;
  /** Whether nothing is to be said meanwhile. */
  readonly quiet: boolean;
}

/** One look for `immune status`: reads files, asks /healthz and launchctl, all at once. No secret is read or sent. */
export async function gatherStatus(
  context: Context,
  { judge, quiet }: GatherHow = { judge: false, quiet: true },
): Promise<StatusFacts> {
  const { clock, paths, uid } = context;
  const [loaded, file] = await Promise.all([
    loadSettings(paths.config, readIfExists),
    readStatus(paths.state),
  ]);
  const settings = loaded.kind === 'ok' ? loaded.settings : null;
  const url = urlOf(file, settings);
  const gatewayLabel = settings?.gateway.label ?? (file.kind === 'read' ? file.status.gateway.label : null);
  const watchdogLabel = labelOf('watchdog');
  const jobs = await jobReader(context, settings);
  const [healthz, gatewayJob, watchdogJob, disabled] = await Promise.all([
    askHealthz(url, context),
    gatewayLabel === null ? unread('the label of the gateway is not known') : jobs.read(gatewayLabel),
    jobs.read(watchdogLabel),
    // Beside the others, for whoever waits: only a look without a watchdog wants to know.
    gatewayLabel === null || mayLive(file) ? ('unread' as const) : jobs.disabled(gatewayLabel),
  ]);
  const facts: StatusFacts = {
    now: clock.now(),
    uid,
    file,
    daemonProcess: await daemonProcess(file, watchdogJob, { context, settings }),
    settings:
      loaded.kind === 'ok' || loaded.kind === 'missing'
        ? { kind: loaded.kind }
        : { kind: 'problem', text: problemsText(loaded).join('; ') },
    policy: settings?.policy ?? defaultPolicy,
    url,
    healthz,
    gatewayJob: { label: gatewayLabel, state: gatewayJob },
    watchdogJob: { label: watchdogLabel, state: watchdogJob },
    watchdogPlist: plistPathOf(paths, 'watchdog'),
    safeStart: hookIn(settings, paths.safeStart),
    found: null,
  };
  // A living watchdog knows more than one look could.
  if (settings === null || gatewayJob.kind === 'unread' || healthz.kind === 'unread') return facts;
  if (watchdogOf(facts).kind === 'alive') return facts;
  const accepted = acceptedHash(file);
  const known = { settings, service: gatewayJob, disabled, healthz, acceptedHash: accepted, judge, quiet };
  // Loaded only here: whoever asks about a gateway that is watched does not pay for it.
  const { findCause } = await import('../quick-look.ts');
  // A look that fails must not keep anybody from what is known without it.
  return { ...facts, found: await findCause(known, context).catch(() => null) };
}

const mayLive = (file: StatusReading): boolean => file.kind === 'read' && processExists(file.status.pid);

/** The content that OpenClaw had accepted when the last watchdog looked. */
function acceptedHash(file: StatusReading): string | null {
  const config = file.kind === 'read' ? file.status.evidence?.ground?.config : undefined;
  return config?.kind === 'sound' && config.validator === 'valid' ? config.hash : null;
}

/** Whether launchd has a session to run the gateway in; true also where that cannot be told. */
export async function hasSession(context: Context): Promise<boolean> {
  const loaded = await loadSettings(context.paths.config, readIfExists);
  if (loaded.kind !== 'ok') return true;
  const jobs = await jobReader(context, loaded.settings);
  return (await jobs.read(loaded.settings.gateway.label)).kind !== 'no-domain';
}

/** Whether the gateway answers at this moment. No child process, no secret. */
export async function gatewayAnswers(context: Context): Promise<boolean> {
  const { paths } = context;
  const [loaded, file] = await Promise.all([
    loadSettings(paths.config, readIfExists),
    readStatus(paths.state),
  ]);
  const url = urlOf(file, loaded.kind === 'ok' ? loaded.settings : null);
  return (await askHealthz(url, context)).kind === 'live';
}

/** What launchd starts in the gateway's place, by the plist alone. */
const hookIn = (settings: Settings | null, directory: string): SafeStartHook =>
  readHook({ programArguments: argumentsOf(settings), directory });

function argumentsOf(settings: Settings | null): readonly string[] {
  const text = settings === null ? null : readText(settings.gateway.plist);
  const parsed = text === null ? null : parsePlist(text);
  return parsed?.kind === 'ok' ? parsed.job.programArguments : [];
}

const unread = (because: string): { readonly kind: 'unread'; readonly because: string } => ({
  kind: 'unread',
  because,
});

/** The address the daemon uses, or would use by the settings and the gateway's own config. */
function urlOf(file: StatusReading, settings: Settings | null): string | null {
  if (file.kind === 'read' && file.status.gateway.url !== null) return file.status.gateway.url;
  if (settings === null) return null;
  const { configPath, profile, host, port } = settings.gateway;
  const env: Record<string, string> = profile === null ? {} : { OPENCLAW_PROFILE: profile };
  const config = readGatewayConfig(configPath, env);
  const endpoint = resolveEndpoint({
    config: config.kind === 'ok' ? config.config : null,
    env,
    // A config that cannot be read names no port; the job's own arguments may.
    programArguments: argumentsOf(settings),
  });
  return `${endpoint.tls ? 'https' : 'http'}://${host ?? endpoint.host}:${port ?? endpoint.port}`;
}

async function askHealthz(
  url: string | null,
  { clock }: Context,
): Promise<HealthzEvidence | { readonly kind: 'unread'; readonly because: string }> {
  if (url === null) return unread('its address is not known');
  const parsed = URL.parse(url);
  if (parsed === null) return unread('its address cannot be read');
  const tls = parsed.protocol === 'wss:' || parsed.protocol === 'https:';
  const probe = createHttpProbe({
    clock,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || (tls ? 443 : 80)),
    tls,
    timeoutMs: healthzTimeoutMs,
  });
  const evidence = await probe.healthz();
  probe.close();
  return evidence;
}

/** How to read a job's state here, each read within its bound. */
async function jobReader({ clock, env, uid }: Context, settings: Settings | null): Promise<JobReader> {
  if (settings?.serviceManager === 'embedded')
    return readsNothing('the watchdog itself starts the gateway here, without launchd');
  const launchctl = settings?.tools.launchctl ?? (await findOnPath('launchctl', env['PATH']));
  if (launchctl === null) return readsNothing('there is no launchctl on this machine');
  const manager = launchdManager({ launchctl, uid, clock, run });
  const late = `launchctl gave no answer within ${launchctlTimeoutMs} ms.`;
  return {
    read: (label) => bounded<ServiceState>(manager.read(label), { kind: 'unknown', because: late }),
    disabled: (label) => bounded<Disabled>(manager.readDisabled(label), 'unknown'),
  };

  async function bounded<T>(read: Promise<T>, doubt: T): Promise<T> {
    const end = new AbortController();
    const first = await Promise.race([read, clock.sleep(launchctlTimeoutMs, end.signal).then(() => doubt)]);
    end.abort();
    return first;
  }
}

interface JobReader {
  read(label: string): Promise<JobState>;
  disabled(label: string): Promise<Disabled>;
}

const readsNothing = (because: string): JobReader => ({
  read: async () => unread(because),
  disabled: async () => 'unread',
});

/** Cheap proofs first: a dead pid, a fresh heartbeat, launchd's word; the lease only when these leave a doubt. */
async function daemonProcess(
  file: StatusReading,
  job: JobState,
  from: { readonly context: Context; readonly settings: Settings | null },
): Promise<StatusFacts['daemonProcess']> {
  if (file.kind !== 'read') return 'unknown';
  const { pid, at } = file.status;
  if (!processExists(pid)) return 'dead';
  const { clock } = from.context;
  if (Math.abs(clock.now() - at) < surelyFreshMs) return 'alive';
  if (job.kind === 'running' && job.pid === pid) return 'alive';
  const held = await holdsLease(pid, from.context, from.settings?.tools.ps ?? '/bin/ps');
  if (held === 'unknown') return held;
  return held ? 'alive' : 'dead';
}
