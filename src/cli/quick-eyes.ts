import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import type { Evidence, HealthzEvidence } from '../core/evidence.ts';
import { type GroundEvidence, groundUnread } from '../core/ground-evidence.ts';
import type { Disabled, ServiceState } from '../core/service.ts';
import { millis } from '../core/time.ts';
import type { GatewaySight } from '../daemon/gateway-sight.ts';
import { readIntent } from '../gateway/audit-log.ts';
import { findPlainDamage, readDependencies } from '../gateway/dependencies.ts';
import { listerOf } from '../gateway/live-processes.ts';
import { createBounded } from '../probes/bounded.ts';
import { createConfigSight } from '../probes/config-sight.ts';
import { readScarcest } from '../system/disk.ts';
import { launchdManager } from '../system/launchd/door.ts';
import { createProcesses, type Processes } from '../system/process.ts';
import { run } from '../system/run.ts';
import type { Context } from './context.ts';

export interface QuickEyes {
  readonly context: Context;
  readonly settings: Settings;
  readonly sight: GatewaySight;
  readonly service: ServiceState;
  /** `unread`: nobody has asked yet. */
  readonly disabled: Disabled;
  readonly healthz: HealthzEvidence;
}

/** A person waits for this. */
export const closeMs = millis(1_500);

/** By files alone, and one question of launchd about a job that is not loaded: what costs milliseconds. */
export async function lookAtFiles(from: QuickEyes): Promise<Evidence> {
  const { context, settings, sight, service, healthz } = from;
  const absent = service.kind === 'not-loaded';
  const [config, dependencies, disk, disabled, plist] = await Promise.all([
    configOf(from),
    packageOf(from),
    diskOf(sight),
    absent ? disabledOf(from) : ('unread' as const),
    absent ? isThere(settings.gateway.plist) : true,
  ]);
  const audit = absent ? readIntent(sight.files) : ({ kind: 'none' } as const);
  return {
    at: context.clock.now(),
    gapMs: millis(0),
    service,
    disabled,
    plist: absent ? (plist ? 'present' : 'missing') : 'unread',
    process: { kind: 'unread' },
    healthz,
    readiness: { kind: 'unread' },
    socket: notTried,
    listener: { kind: 'unread' },
    witness: { kind: 'unread' },
    audit,
    update: { kind: 'none' },
    rpc: { kind: 'unread' },
    parkCause: { kind: 'unread' },
    ground: { ...groundUnread, config, dependencies, disk },
  };
}

export const notTried = {
  kind: 'not-tried',
  because: 'a look from a command holds no connection',
} as const;

async function disabledOf({ settings, context, disabled }: QuickEyes): Promise<Disabled> {
  if (disabled !== 'unread') return disabled;
  const { launchctl } = settings.tools;
  if (launchctl === null) return 'unknown';
  const { uid, clock } = context;
  return launchdManager({ launchctl, uid, run, clock }).readDisabled(settings.gateway.label);
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** What OpenClaw would say of it takes seconds and is asked last. */
async function configOf({ context, sight }: QuickEyes): Promise<GroundEvidence['config']> {
  const { ground } = sight;
  const allowUnconfigured = ground.programArguments.includes('--allow-unconfigured');
  const config = createConfigSight({
    clock: context.clock,
    run,
    place: () => ({ ...ground, node: null, allowUnconfigured }),
    timeoutMs: () => closeMs,
    settleMs: millis(0),
    onSettled: () => undefined,
  });
  return config.look({ wait: false });
}

/** Entry and direct dependencies take ten milliseconds; all of it is read where those tell of damage. */
async function packageOf(from: QuickEyes): Promise<GroundEvidence['dependencies']> {
  const { packageRoot } = from.sight.ground;
  if (packageRoot === null) return { kind: 'unread' };
  const damage = await findPlainDamage(packageRoot).catch(() => 'it cannot be read');
  if (damage === null) return { kind: 'unread' };
  return createBounded(from.context.clock)<GroundEvidence['dependencies']>({
    what: 'the installed package',
    ask: () => readDependencies({ packageRoot, processes: listerOf(processesOf(from)) }),
    doubt: (found) => found,
    limitMs: closeMs,
  });
}

async function diskOf({ ground }: GatewaySight): Promise<GroundEvidence['disk']> {
  return readScarcest([ground.stateDir, join(ground.stateDir, 'tmp')]);
}

export const processesOf = ({ context, settings }: QuickEyes): Processes =>
  createProcesses({ ps: settings.tools.ps, run, clock: context.clock });
