import type { GroundEvidence } from './ground-evidence.ts';
import type { Disabled, ServiceState } from './service.ts';
import type { Instant, Millis } from './time.ts';

/** `GET /healthz` on the gateway's address. Only an exact `{"ok":true,"status":"live"}` is `live`. */
export type HealthzEvidence =
  | { readonly kind: 'live'; readonly latencyMs: number }
  | { readonly kind: 'refused' }
  /** The connection opened (the kernel accepts for a stopped process too) but no complete answer came in time. */
  | { readonly kind: 'timeout'; readonly sentAt: Instant }
  | { readonly kind: 'reset'; readonly because: string }
  /** Somebody answered, but not as a gateway does. */
  | { readonly kind: 'foreign'; readonly because: string }
  /** No route, privacy refusal, no such address: proves nothing. */
  | { readonly kind: 'unreachable'; readonly because: string }
  /** Our own fault. */
  | { readonly kind: 'error'; readonly because: string };

export interface ShutdownNotice {
  readonly at: Instant;
  readonly reason: string;
  readonly restartExpectedMs: number | null;
}

/** The one held WebSocket. */
export type SocketEvidence =
  | {
      readonly kind: 'open';
      readonly since: Instant;
      readonly bootId: string | null;
      readonly version: string | null;
      readonly lastHeardAt: Instant;
      /** Set while our ping is unanswered: when it was sent. */
      readonly silentSince: Instant | null;
      readonly shutdown: ShutdownNotice | null;
      readonly suspension: string | null;
    }
  | {
      readonly kind: 'closed';
      readonly at: Instant;
      readonly code: number;
      readonly reason: string;
      /** Whether this connection had been accepted (hello-ok) before it closed. */
      readonly wasOpen: boolean;
      readonly shutdown: ShutdownNotice | null;
    }
  | { readonly kind: 'connecting'; readonly since: Instant }
  | { readonly kind: 'auth-failed'; readonly at: Instant; readonly because: string }
  | { readonly kind: 'protocol-mismatch'; readonly at: Instant; readonly because: string }
  /**
   * We chose not to connect: no secret to be had, or the listener is not proven ours. `secretUnset`: the config takes it
   * from a variable that is not there, and OpenClaw then makes one up (facts: openclaw §3.2).
   */
  | { readonly kind: 'not-tried'; readonly because: string; readonly secretUnset?: boolean };

/** Who listens on the gateway's port, judged against the service manager's pid and the gateway's lock file. */
export type ListenerEvidence =
  | { readonly kind: 'unread' }
  | { readonly kind: 'none' }
  | { readonly kind: 'ours'; readonly pid: number; readonly addresses: readonly string[] }
  /** A gateway of this state directory that the service manager did not start. */
  | {
      readonly kind: 'orphan';
      readonly pid: number;
      readonly command: string;
      /** null: the system did not say. */
      readonly startedAt: Instant | null;
      /** Somebody started it by hand if it has one; null: the system did not say. */
      readonly hasTerminal: boolean | null;
      readonly port: number;
    }
  | {
      readonly kind: 'foreign';
      readonly pid: number | null;
      readonly command: string;
      readonly uid: number | null;
    }
  /** Nobody where we look, but the job's process listens at other addresses. */
  | { readonly kind: 'elsewhere'; readonly pid: number; readonly addresses: readonly string[] }
  | { readonly kind: 'unknown'; readonly because: string };

/** The process the service manager names. */
export type ProcessEvidence =
  | { readonly kind: 'unread' }
  | { readonly kind: 'gone'; readonly pid: number }
  | {
      readonly kind: 'alive';
      readonly pid: number;
      readonly startedAt: Instant;
      readonly cpuMs: number;
      /** Memory it holds now. */
      readonly residentBytes: number;
      /** ps's state letters: `T` is stopped by a signal. */
      readonly stat: string;
      readonly command: string;
    }
  | { readonly kind: 'unknown'; readonly because: string };

/** The second witness of a hang: what the gateway's process did with the processor over a few seconds. */
export type WitnessEvidence =
  | { readonly kind: 'unread' }
  | {
      readonly kind: 'idle' | 'pinned' | 'working';
      readonly pid: number;
      readonly cpuMs: number;
      readonly overMs: number;
    }
  | { readonly kind: 'unknown'; readonly because: string };

/** The newest line of OpenClaw's `gateway-restart.log` that says somebody meant the gateway to be down. */
export type AuditEvidence =
  | { readonly kind: 'none' }
  | { readonly kind: 'stop' | 'park'; readonly at: Instant; readonly line: string }
  | { readonly kind: 'unknown'; readonly because: string };

/** Markers of a live update (facts: openclaw §7.2). */
export type UpdateEvidence =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly marker: string }
  /** A marker is there but nothing alive stands behind it. */
  | { readonly kind: 'stale'; readonly marker: string }
  | { readonly kind: 'unknown'; readonly because: string };

/** `GET /readyz`: told, never acted on. */
export type ReadinessEvidence =
  | { readonly kind: 'unread' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'not-ready'; readonly failing: readonly string[] }
  | { readonly kind: 'unknown'; readonly because: string };

/** The authenticated `health` RPC of the deep probe. */
export type RpcEvidence =
  | { readonly kind: 'unread' }
  | { readonly kind: 'ok'; readonly latencyMs: number }
  | { readonly kind: 'failed'; readonly because: string }
  | { readonly kind: 'not-tried'; readonly because: string };

/** Whether what made OpenClaw park itself is gone: a cheap look at the installed package and the lock file. */
export type ParkCauseEvidence =
  | { readonly kind: 'unread' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'present'; readonly because: string }
  | { readonly kind: 'unknown'; readonly because: string };

/** Everything one look at the world found out. Probes fill it and never throw. */
export interface Evidence {
  readonly at: Instant;
  /** Time between this look and the previous one beyond what was planned: sleep, suspension, a starved machine. */
  readonly gapMs: Millis;
  readonly service: ServiceState | { readonly kind: 'unread' };
  readonly disabled: Disabled;
  /** Whether the gateway's plist exists: without it, "not loaded" means "not installed". */
  readonly plist: 'present' | 'missing' | 'unread';
  readonly process: ProcessEvidence;
  readonly healthz: HealthzEvidence;
  readonly readiness: ReadinessEvidence;
  readonly socket: SocketEvidence;
  readonly listener: ListenerEvidence;
  readonly witness: WitnessEvidence;
  readonly audit: AuditEvidence;
  readonly update: UpdateEvidence;
  readonly rpc: RpcEvidence;
  readonly parkCause: ParkCauseEvidence;
  readonly ground: GroundEvidence;
}
