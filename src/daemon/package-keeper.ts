import { realpath } from 'node:fs/promises';
import type { Evidence } from '../core/evidence.ts';
import { followSoak, type Soak } from '../core/soak.ts';
import type { Generation, State } from '../core/state.ts';
import { type Clock, type Millis, millis, minutes } from '../core/time.ts';
import type { Log } from '../system/log.ts';
import { type Proof, writeProof } from './proof.ts';

export interface PackageKeeperParts {
  readonly clock: Clock;
  readonly soakMs: () => Millis;
  readonly stateDir: string;
  /** What the job starts, as its files have it now. */
  readonly place: () => {
    readonly packageRoot: string | null;
    readonly version: string | null;
    readonly node: string | null;
  };
  /** Starts the archive job, which asks itself whether it is due. */
  readonly archive: () => Promise<void>;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

export interface PackageKeeper {
  /** To be called after each look. Returns at once and never throws. */
  seen(state: State, evidence: Evidence): void;
  close(): Promise<void>;
}

/** After a failure, of a full disk say. */
const againMs = minutes(10);

/**
 * Writes down which installation a generation has proven by serving through the soak, and has it archived. Whether a
 * file was changed since that process was started is for the archive to find out: it reads them all.
 */
export function createPackageKeeper(parts: PackageKeeperParts): PackageKeeper {
  const { clock, log } = parts;
  let soak: Soak | null = null;
  /** The generation that has been written down. */
  let settled: string | null = null;
  let busy: Promise<void> | null = null;
  let restUntil = clock.elapsed();

  const prove = async (name: string, proof: Proof): Promise<void> => {
    const written = await writeProof(parts.stateDir, proof);
    if (written.kind === 'failed') throw new Error(written.because);
    settled = name;
    log.info(`OpenClaw ${proof.openclaw} is proven: the gateway has served for ${parts.soakMs()} ms from it`);
    await parts.archive();
  };

  return {
    seen: (state, evidence) => {
      soak = followSoak(soak, { state, evidence, elapsed: clock.elapsed() });
      const { generation } = state;
      if (soak === null || generation === null || soak.generation === settled) return;
      if (busy !== null || clock.elapsed() < restUntil || !isOver(soak, state)) return;
      const name = soak.generation;
      busy = proofOf(generation, evidence)
        .then((proof) => (proof === null ? undefined : prove(name, proof)))
        .catch((error: unknown) => {
          restUntil = millis(clock.elapsed() + againMs);
          log.warn(`What the gateway serves from could not be written down: ${String(error)}`);
        })
        .finally(() => {
          busy = null;
        });
    },
    close: async () => {
      await busy;
    },
  };

  function isOver({ healthy }: Soak, { asleepMs }: State): boolean {
    if (healthy === null) return false;
    // Neither a sleeping machine nor a starved one has proved anything.
    const slept = asleepMs - healthy.asleepMs;
    return clock.elapsed() - healthy.since - slept >= parts.soakMs();
  }

  /** Null while it does not hold together: another version installed than runs, a package that is not whole. */
  async function proofOf(
    { pid, bootId, startedAt }: Generation,
    { ground, socket, service }: Evidence,
  ): Promise<Proof | null> {
    const { packageRoot, version, node } = parts.place();
    if (startedAt === null || packageRoot === null || version === null || node === null) return null;
    if (service.kind !== 'running' || service.pid !== pid) return null;
    if (ground.dependencies.kind !== 'intact' || ground.dependencies.version !== version) return null;
    if (socket.kind === 'open' && socket.version !== null && socket.version !== version) return null;
    return {
      version: 1,
      pid,
      bootId,
      startedAt,
      provenAt: clock.now(),
      openclaw: version,
      packageRoot: await realpath(packageRoot),
      node,
    };
  }
}
