import type {
  AuditEvidence,
  Evidence,
  HealthzEvidence,
  ListenerEvidence,
  ParkCauseEvidence,
  ProcessEvidence,
  ReadinessEvidence,
  RpcEvidence,
  SocketEvidence,
  UpdateEvidence,
  WitnessEvidence,
} from '../core/evidence.ts';
import { groundUnread } from '../core/ground-evidence.ts';
import type { Disabled, ServiceState } from '../core/service.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { Ground, GroundAsk } from './ground.ts';
import { memoryOf } from './machine-sight.ts';

/**
 * How closely to look. `light`: the held socket, /healthz and a stat of the config, no child process. `glance`: the
 * same, and the rest of the last look is carried on. `full`: all that a decision may rest on, the ground included.
 * `deep`: a full look of a serving gateway, with a fresh connection, the `health` request and readiness.
 */
export type Depth = 'light' | 'glance' | 'full' | 'deep';

/** What the observer sees through: read-only, and nothing here throws. */
export interface Eyes {
  /** The system's wall clock. */
  wall(): Instant;
  healthz(): Promise<HealthzEvidence>;
  readyz(): Promise<ReadinessEvidence>;
  socket(): SocketEvidence;
  /** The listener as it was judged on the way, before the secret was sent; null when it did not come to that. */
  rpc(servicePid: number | null): Promise<{
    readonly rpc: RpcEvidence;
    /** What the gateway answered, not to be kept; undefined without an answer. */
    readonly health: unknown;
    readonly listener: ListenerEvidence | null;
  }>;
  service(): Promise<ServiceState>;
  disabled(): Promise<Disabled>;
  plistExists(): Promise<boolean>;
  process(pid: number): Promise<ProcessEvidence>;
  witness(pid: number): Promise<WitnessEvidence>;
  listener(servicePid: number | null): Promise<ListenerEvidence>;
  audit(): Promise<AuditEvidence>;
  update(service: ServiceState): Promise<UpdateEvidence>;
  parkCause(): Promise<ParkCauseEvidence>;
  readonly ground: Ground;
}

export interface Observe {
  readonly depth: Depth;
  readonly gapMs: Millis;
  readonly previous: Evidence | null;
}

export async function observe(eyes: Eyes, how: Observe): Promise<Evidence> {
  switch (how.depth) {
    case 'light':
      return { ...blank(eyes.wall(), how), ...carriedIdentity(how.previous), ...(await surface(eyes, how)) };
    case 'glance': {
      const base = how.previous ?? blank(eyes.wall(), how);
      return {
        ...base,
        ...(await surface(eyes, how)),
        at: eyes.wall(),
        gapMs: how.gapMs,
        witness: { kind: 'unread' },
      };
    }
    case 'full':
    case 'deep':
      return closely(eyes, how);
    default:
      return how.depth satisfies never;
  }
}

async function surface(
  eyes: Eyes,
  { previous }: Observe,
): Promise<Pick<Evidence, 'healthz' | 'socket' | 'ground'>> {
  const healthz = await eyes.healthz();
  const ground = await eyes.ground({
    depth: 'surface',
    serving: healthz.kind === 'live',
    servicePid: 'unknown',
    previous: previous?.ground ?? null,
  });
  return { healthz, socket: eyes.socket(), ground };
}

/** Between two close looks a serving gateway's listener is taken to be the same: the held socket would have closed. */
function carriedIdentity(previous: Evidence | null): Partial<Evidence> {
  if (previous === null || previous.healthz.kind !== 'live') return {};
  return { listener: previous.listener, readiness: previous.readiness, rpc: previous.rpc };
}

function blank(at: Instant, how: Observe): Evidence {
  return {
    at,
    gapMs: how.gapMs,
    service: { kind: 'unread' },
    disabled: 'unread',
    plist: 'unread',
    process: { kind: 'unread' },
    healthz: { kind: 'error', because: 'not asked yet' },
    readiness: { kind: 'unread' },
    socket: { kind: 'not-tried', because: 'not looked at yet' },
    listener: { kind: 'unread' },
    witness: { kind: 'unread' },
    audit: { kind: 'none' },
    update: { kind: 'none' },
    rpc: { kind: 'unread' },
    parkCause: { kind: 'unread' },
    ground: groundUnread,
  };
}

async function closely(eyes: Eyes, how: Observe): Promise<Evidence> {
  const [healthz, service] = await Promise.all([eyes.healthz(), eyes.service()]);
  const pid = service.kind === 'running' ? service.pid : null;
  const serving = healthz.kind === 'live';
  const isStopping = service.kind === 'stopping';
  const deeper = serving && how.depth === 'deep' && !isStopping ? eyes.rpc(pid) : null;
  const owner = isStopping ? service.pid : pid;
  const [process, peer, absent, update, ground] = await Promise.all([
    // Of a serving gateway too: how its memory grows shows only while it serves.
    pid === null ? ({ kind: 'unread' } as const) : eyes.process(pid),
    deeper === null
      ? lookAtPeer(eyes, how.previous, { owner, isStopping, serving })
      : lookDeeper(eyes, pid, deeper),
    service.kind === 'not-loaded' ? lookAtAbsent(eyes) : null,
    eyes.update(service),
    eyes.ground({
      ...askOf({ healthz, service, previous: how.previous }),
      ...(deeper === null ? {} : { rpcHealth: deeper.then(({ health }) => health) }),
    }),
  ]);
  const witness: WitnessEvidence =
    healthz.kind === 'timeout' && pid !== null ? await eyes.witness(pid) : { kind: 'unread' };
  return {
    ...blank(eyes.wall(), how),
    ...absent,
    ...peer,
    service,
    process,
    healthz,
    witness,
    update,
    ground: { ...ground, memory: memoryOf(process) },
    // Last, so that it tells of the time after the slower questions.
    socket: eyes.socket(),
  };
}

function askOf(from: Pick<Evidence, 'healthz' | 'service'> & Pick<Observe, 'previous'>): GroundAsk {
  const { healthz, service, previous } = from;
  // A stranger may answer in the very words of a gateway: another one, of another state directory.
  const serving = healthz.kind === 'live' && previous?.listener.kind !== 'foreign';
  return { depth: 'close', serving, servicePid: pidOf(service), previous: previous?.ground ?? null };
}

function pidOf(service: Evidence['service']): GroundAsk['servicePid'] {
  switch (service.kind) {
    case 'running':
      return service.pid;
    case 'stopping':
      return service.pid ?? 'unknown';
    case 'scheduled':
    case 'pended':
    case 'stopped':
    case 'not-loaded':
      return null;
    case 'unread':
    case 'no-domain':
    case 'unknown':
      return 'unknown';
    default:
      return service satisfies never;
  }
}

async function lookAtAbsent(
  eyes: Eyes,
): Promise<Pick<Evidence, 'disabled' | 'plist' | 'audit' | 'parkCause'>> {
  const [disabled, plist, audit] = await Promise.all([eyes.disabled(), eyes.plistExists(), eyes.audit()]);
  const parkCause: ParkCauseEvidence = audit.kind === 'park' ? await eyes.parkCause() : { kind: 'unread' };
  return { disabled, plist: plist ? 'present' : 'missing', audit, parkCause };
}

type Peer = Pick<Evidence, 'listener'> & Partial<Pick<Evidence, 'readiness' | 'rpc'>>;

/** Who listens is asked once: by the fresh connection, before it sends the secret.  */
async function lookDeeper(eyes: Eyes, pid: number | null, asked: ReturnType<Eyes['rpc']>): Promise<Peer> {
  const { rpc, listener } = await asked;
  return { rpc, listener: listener ?? (await eyes.listener(pid)), readiness: await eyes.readyz() };
}

interface Peering {
  /** The process that the service manager names. */
  readonly owner: number | null;
  readonly isStopping: boolean;
  readonly serving: boolean;
}

async function lookAtPeer(
  eyes: Eyes,
  previous: Evidence | null,
  { owner, isStopping, serving }: Peering,
): Promise<Peer> {
  const found = await eyes.listener(owner);
  const listener = isStopping && found.kind === 'ours' ? leaving(found.pid) : found;
  return serving && previous !== null
    ? { listener, readiness: previous.readiness, rpc: previous.rpc }
    : { listener };
}

/** No orphan, and not ours for long: nothing may rest on it. */
const leaving = (pid: number): ListenerEvidence => ({
  kind: 'unknown',
  because: `the process of the gateway's job (pid ${pid}) listens, and was asked to stop`,
});
