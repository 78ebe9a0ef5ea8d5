import { loadSettings, type Settings } from '../../config/settings.ts';
import type { HealthzEvidence } from '../../core/evidence.ts';
import { defaultPolicy } from '../../core/policy.ts';
import type { ServiceState } from '../../core/service.ts';
import { type Millis, seconds } from '../../core/time.ts';
import { readStatus, type StatusReading } from '../../daemon/status-file.ts';
import { readGatewayConfig } from '../../gateway/config-file.ts';
import { resolveEndpoint } from '../../gateway/endpoint.ts';
import { createHttpProbe } from '../../gateway/healthz.ts';
import { readText } from '../../gateway/read-text.ts';
import { readHook, type SafeStartHook } from '../../gateway/safe-start-hook.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { launchdManager } from '../../system/launchd/door.ts';
import { parsePlist } from '../../system/launchd/plist.ts';
import { readLease } from '../../system/lease.ts';
import { createProcesses } from '../../system/process.ts';
import { run } from '../../system/run.ts';
import type { Context } from '../context.ts';
import { processExists } from '../daemon-process.ts';
import { labelOf } from '../install/names.ts';
import { plistPathOf } from '../install/target.ts';
import { findOnPath } from '../install/tools.ts';
import { problemsText } from '../settings-words.ts';
import type { StatusFacts } from './view.ts';

/** A live gateway answers in 2 ms; a person waits for this. */
const healthzTimeoutMs = 500;
/** launchctl answers in milliseconds; a hanging one must not hang us. */
const launchctlTimeoutMs = seconds(2);
/** A heartbeat younger than this needs no second proof that its process is still the same one. */
const surelyFreshMs = 90_000;

type JobState = ServiceState | { readonly kind: 'unread'; readonly because: string };

/** One look for `immune status`: reads files, asks /healthz and launchctl, all at once. No secret is read or sent. */
export async function gatherStatus(context: Context): Promise<StatusFacts> {
  const { clock, paths, uid } = context;
  const [loaded, file] = await Promise.all([
    loadSettings(paths.config, readIfExists),
    readStatus(paths.state),
  ]);
  const settings = loaded.kind === 'ok' ? loaded.settings : null;
  const url = urlOf(file, settings);
  const gatewayLabel = settings?.gateway.label ?? (file.kind === 'read' ? file.status.gateway.label : null);
  const watchdogLabel = labelOf('watchdog');
  const ask = await jobReader(context, settings);
  const [healthz, gatewayJob, watchdogJob] = await Promise.all([
    askHealthz(url, context),
    gatewayLabel === null ? unread('the label of the gateway is not known') : ask(gatewayLabel),
    ask(watchdogLabel),
  ]);
  return {
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
    safeStart: hookIn(settings?.gateway.plist ?? null, paths.safeStart),
  };
}

/** What launchd starts in the gateway's place, by the plist alone. */
function hookIn(plist: string | null, directory: string): SafeStartHook {
  const text = plist === null ? null : readText(plist);
  const parsed = text === null ? null : parsePlist(text);
  const programArguments = parsed?.kind === 'ok' ? parsed.job.programArguments : [];
  return readHook({ programArguments, directory });
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
    programArguments: [],
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
async function jobReader(
  { clock, env, uid }: Context,
  settings: Settings | null,
): Promise<(label: string) => Promise<JobState>> {
  if (settings?.serviceManager === 'embedded') {
    return async () => unread('the watchdog itself starts the gateway here, without launchd');
  }
  const launchctl = settings?.tools.launchctl ?? (await findOnPath('launchctl', env['PATH']));
  if (launchctl === null) return async () => unread('there is no launchctl on this machine');
  const manager = launchdManager({ launchctl, uid, clock, run });
  return (label) => bounded(manager.read(label), launchctlTimeoutMs);

  async function bounded(read: Promise<ServiceState>, timeoutMs: Millis): Promise<ServiceState> {
    const end = new AbortController();
    const late = clock.sleep(timeoutMs, end.signal).then(
      (): ServiceState => ({
        kind: 'unknown',
        because: `launchctl gave no answer within ${timeoutMs} ms.`,
      }),
    );
    const first = await Promise.race([read, late]);
    end.abort();
    return first;
  }
}

/** Cheap proofs first: a dead pid, a fresh heartbeat, launchd's word; the lease only when these leave a doubt. */
async function daemonProcess(
  file: StatusReading,
  job: JobState,
  from: { readonly context: Context; readonly settings: Settings | null },
): Promise<StatusFacts['daemonProcess']> {
  if (file.kind !== 'read') return 'unknown';
  const { pid, at } = file.status;
  if (!processExists(pid)) return 'dead';
  const { clock, paths } = from.context;
  if (Math.abs(clock.now() - at) < surelyFreshMs) return 'alive';
  if (job.kind === 'running' && job.pid === pid) return 'alive';
  const processes = createProcesses({ ps: from.settings?.tools.ps ?? '/bin/ps', run, clock });
  const lease = await readLease(paths.lease, processes);
  if (lease.kind === 'unknown') return 'unknown';
  return lease.kind === 'held' && lease.holder.pid === pid ? 'alive' : 'dead';
}
