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
import type { Disabled, ServiceState } from '../core/service.ts';
import type { Instant, Millis } from '../core/time.ts';

/**
 * How closely to look. `light`: the held socket and /healthz, no child process. `glance`: the same, and the rest of the
 * last look is carried on. `full`: all that a decision may rest on. `deep`: a full look of a serving gateway, with a
 * fresh connection, the `health` request and readiness; two child processes.
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
  rpc(
    servicePid: number | null,
  ): Promise<{ readonly rpc: RpcEvidence; readonly listener: ListenerEvidence | null }>;
  service(): Promise<ServiceState>;
  disabled(): Promise<Disabled>;
  plistExists(): Promise<boolean>;
  process(pid: number): Promise<ProcessEvidence>;
  witness(pid: number): Promise<WitnessEvidence>;
  listener(servicePid: number | null): Promise<ListenerEvidence>;
  audit(): Promise<AuditEvidence>;
  update(service: ServiceState): Promise<UpdateEvidence>;
  parkCause(): Promise<ParkCauseEvidence>;
}

export interface Observe {
  readonly depth: Depth;
  readonly gapMs: Millis;
  readonly previous: Evidence | null;
  /** The pid whose start time is known already: a deep look of it needs no ps. */
  readonly knownPid: number | null;
}

export async function observe(eyes: Eyes, how: Observe): Promise<Evidence> {
  switch (how.depth) {
    case 'light':
      return { ...blank(eyes.wall(), how), ...carriedIdentity(how.previous), ...(await surface(eyes)) };
    case 'glance': {
      const base = how.previous ?? blank(eyes.wall(), how);
      return {
        ...base,
        ...(await surface(eyes)),
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

async function surface(eyes: Eyes): Promise<Pick<Evidence, 'healthz' | 'socket'>> {
  const healthz = await eyes.healthz();
  return { healthz, socket: eyes.socket() };
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
  };
}

async function closely(eyes: Eyes, how: Observe): Promise<Evidence> {
  const [healthz, service] = await Promise.all([eyes.healthz(), eyes.service()]);
  const pid = service.kind === 'running' ? service.pid : null;
  const serving = healthz.kind === 'live';
  const skipProcess = pid === null || (serving && how.depth === 'deep' && pid === how.knownPid);
  const [process, peer, absent, update] = await Promise.all([
    skipProcess ? ({ kind: 'unread' } as const) : eyes.process(pid),
    serving && how.depth === 'deep'
      ? lookDeeper(eyes, pid)
      : lookAtPeer(eyes, how.previous, { pid, serving }),
    service.kind === 'not-loaded' ? lookAtAbsent(eyes) : null,
    eyes.update(service),
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
    // Last, so that it tells of the time after the slower questions.
    socket: eyes.socket(),
  };
}

async function lookAtAbsent(
  eyes: Eyes,
): Promise<Pick<Evidence, 'disabled' | 'plist' | 'audit' | 'parkCause'>> {
  const [disabled, plist, audit] = await Promise.all([eyes.disabled(), eyes.plistExists(), eyes.audit()]);
  const parkCause: ParkCauseEvidence = audit.kind === 'park' ? await eyes.parkCause() : { kind: 'unread' };
  return { disabled, plist: plist ? 'present' : 'missing', audit, parkCause };
}

type Peer = Pick<Evidence, 'listener'> & Partial<Pick<Evidence, 'readiness' | 'rpc'>>;

/** Who listens is asked once: by the fresh connection, before it sends the secret. So a deep look has two children. */
async function lookDeeper(eyes: Eyes, pid: number | null): Promise<Peer> {
  const { rpc, listener } = await eyes.rpc(pid);
  return { rpc, listener: listener ?? (await eyes.listener(pid)), readiness: await eyes.readyz() };
}

async function lookAtPeer(
  eyes: Eyes,
  previous: Evidence | null,
  { pid, serving }: { readonly pid: number | null; readonly serving: boolean },
): Promise<Peer> {
  const listener = await eyes.listener(pid);
  return serving && previous !== null
    ? { listener, readiness: previous.readiness, rpc: previous.rpc }
    : { listener };
}
