import type { Evidence } from '../core/evidence.ts';
import { type GroundEvidence, groundUnread } from '../core/ground-evidence.ts';
import { millis } from '../core/time.ts';
import { resolveEndpoint } from '../gateway/endpoint.ts';
import { createHttpProbe } from '../gateway/healthz.ts';
import { createBounded } from '../probes/bounded.ts';
import { createConfigSight } from '../probes/config-sight.ts';
import { createEyes, type EyesParts, lookAtListener, type SeenThrough } from '../probes/eyes.ts';
import { createGroundSights } from '../probes/ground-sights.ts';
import { type Eyes, observe } from '../probes/observe.ts';
import { launchdManager } from '../system/launchd/door.ts';
import { createRedactor } from '../system/redact.ts';
import { run } from '../system/run.ts';
import { closeMs, notTried, processesOf, type QuickEyes } from './quick-eyes.ts';
import { waiting } from './waiting.ts';

/** A live gateway answers in 2 ms, and on a machine that thrashes within this. */
const healthzMs = millis(1_200);
/** How long a silent process is watched: shorter than the watchdog does, for nothing is done on it. */
const witnessMs = millis(600);

/** The watchdog's own full look, but for the connection and the validator, and never longer than a person waits. */
export async function lookCloser(from: QuickEyes): Promise<Evidence> {
  const { context, sight, service } = from;
  const redactor = createRedactor();
  const ground = createGroundSights({
    clock: context.clock,
    run,
    processes: processesOf(from),
    uid: context.uid,
    redact: redactor.redact,
    // Without a Node nobody asks the validator.
    place: () => ({ ...sight.ground, node: null }),
    wait: false,
    validatorTimeoutMs: () => closeMs,
    onSettled: () => undefined,
  });
  const eyes = createQuickEyes(from);
  const within: Eyes = {
    ...eyes,
    service: async () => service,
    process: (pid) => bounded(from, { what: 'the process', ask: () => eyes.process(pid), doubt: itself }),
    witness: (pid) =>
      bounded(from, { what: 'the processor time', ask: () => eyes.witness(pid), doubt: itself }),
    listener: (pid) => bounded(from, { what: 'who listens', ask: () => eyes.listener(pid), doubt: itself }),
    update: (state) =>
      bounded(from, { what: 'the markers of an update', ask: () => eyes.update(state), doubt: itself }),
    ground: (ask) =>
      bounded<GroundEvidence>(from, {
        what: "the gateway's files",
        ask: () => ground.look(ask),
        doubt: () => groundUnread,
      }),
  };
  try {
    return await observe(within, { depth: 'full', gapMs: millis(0), previous: null });
  } finally {
    await ground.close();
  }
}

/** Who it is that answers: one call of lsof, and of ps where that is not the job's own process. */
export function lookAtPeer(from: QuickEyes): Promise<Evidence['listener']> {
  const { service } = from;
  const pid = service.kind === 'running' ? service.pid : null;
  const ask = () => createQuickEyes(from).listener(pid);
  return bounded<Evidence['listener']>(from, { what: 'who listens', ask, doubt: itself });
}

const itself = <T>(doubt: T): T => doubt;

function bounded<T>(
  { context }: QuickEyes,
  question: {
    readonly what: string;
    readonly ask: () => Promise<T>;
    readonly doubt: (doubt: { readonly kind: 'unknown'; readonly because: string }) => T;
  },
): Promise<T> {
  return createBounded(context.clock)<T>({ ...question, limitMs: closeMs });
}

/** The watchdog's eyes, with a link that holds no connection. */
function createQuickEyes(from: QuickEyes): Eyes {
  const { context, settings, sight } = from;
  const { clock, uid } = context;
  const { gateway, tools } = settings;
  // Nobody asks launchd here but about a job that it has told of already.
  const launchctl = tools.launchctl ?? 'launchctl';
  const parts: EyesParts = {
    clock,
    manager: launchdManager({ launchctl, uid, run, clock }),
    processes: processesOf(from),
    tools,
    uid,
    label: gateway.label,
    plist: gateway.plist,
    witnessMs: () => witnessMs,
    files: () => sight.files,
  };
  const { config, env, programArguments } = sight.ground;
  const endpoint = resolveEndpoint({ config, env, programArguments });
  const at = { host: gateway.host ?? endpoint.host, port: gateway.port ?? endpoint.port };
  const probe = createHttpProbe({ clock, ...at, tls: endpoint.tls, timeoutMs: healthzMs });
  const link: SeenThrough = {
    healthz: probe.healthz,
    readyz: async () => ({ kind: 'unread' }),
    endpoint: () => ({ ...endpoint, ...at }),
    rpc: async () => ({ rpc: { kind: 'not-tried', because: notTried.because }, health: undefined }),
    client: { evidence: () => notTried },
  };
  const eyes = createEyes(parts, link, async () => groundUnread);
  return {
    ...eyes,
    healthz: () => probe.healthz().finally(probe.close),
    listener: (servicePid) => lookAtListener(parts, { ...at, servicePid }),
  };
}

/** OpenClaw itself is asked about a config whose content nobody has seen it accept. Null: it was not asked. */
export async function judgeConfig(
  config: GroundEvidence['config'],
  on: QuickEyes & { readonly acceptedHash: string | null; readonly quiet: boolean },
): Promise<GroundEvidence['config'] | null> {
  const { context, settings, sight, quiet } = on;
  const { ground } = sight;
  if (config.kind !== 'sound' || config.hash === on.acceptedHash) return null;
  if (ground.node === null || ground.packageRoot === null) return null;
  const allowUnconfigured = ground.programArguments.includes('--allow-unconfigured');
  const judge = createConfigSight({
    clock: context.clock,
    run,
    place: () => ({ ...ground, allowUnconfigured }),
    timeoutMs: () => settings.policy.validatorMs,
    settleMs: millis(0),
    onSettled: () => undefined,
  });
  const what = 'asking OpenClaw whether it accepts the config';
  return waiting(what, { context, quiet }, () => judge.look({ wait: true })).finally(judge.close);
}
