import { type Clock, type Millis, seconds } from '../core/time.ts';
import type { ConfigRecord } from '../gateway/config-file.ts';
import { isSecretVariable, textsOf, withoutValues } from '../gateway/config-values.ts';
import type { Environment } from '../gateway/env-file.ts';
import type { ServiceJob } from '../gateway/environment.ts';
import { listerOf } from '../gateway/live-processes.ts';
import { logPlaces } from '../gateway/log-places.ts';
import { createAskNode } from '../gateway/node-program.ts';
import type { Processes } from '../system/process.ts';
import type { Run } from '../system/run.ts';
import { createConfigSight } from './config-sight.ts';
import { createDependencySight, type DependencySightParts } from './dependency-sight.ts';
import { createGround, type Ground } from './ground.ts';
import { createLogSight } from './log-sight.ts';
import { createMachineSight } from './machine-sight.ts';
import { createReinstallPlanner, type ReinstallPlannerParts } from './reinstall-planner.ts';
import { createRemedies } from './remedies.ts';
import { createRollbackPlanner, type RollbackPlannerParts } from './rollback-planner.ts';

/** Where everything is that a start of the gateway stands on, as the newest close look found it. */
export interface GroundPlace {
  readonly label: string;
  readonly stateDir: string;
  readonly configPath: string;
  /** Null when it cannot be read. It holds secrets: never logged or stored. */
  readonly config: ConfigRecord | null;
  /** It may hold secrets, so it is never logged or stored. */
  readonly env: Environment;
  /** The home of the gateway's user. */
  readonly home: string;
  readonly programArguments: readonly string[];
  readonly job: ServiceJob | null;
  /** The Node of the job; null when it is missing or hidden in a wrapper. */
  readonly node: string | null;
  /** Where the package is or should be. */
  readonly packageRoot: string | null;
  readonly version: string | null;
  readonly prefix: string | null;
  readonly profile: string | null;
  readonly lockFiles: readonly string[];
  readonly sqlite: string;
}

export interface GroundSightParts {
  readonly clock: Clock;
  readonly run: Run;
  readonly processes: Processes;
  readonly uid: number;
  readonly redact: (text: string) => string;
  readonly place: () => GroundPlace;
  /** Whether a look waits for the config's validator; one that comes again soon does not. */
  readonly wait: boolean;
  readonly validatorTimeoutMs: () => Millis;
  /** The validator, or the planning of a rollback, has come to an end: its answer is there for the next look. */
  readonly onSettled: () => void;
  /** What a rollback is worked out from; without it none is. */
  readonly snapshots?: Pick<RollbackPlannerParts, 'store' | 'kept' | 'write'>;
  /** What a repair of the package is worked out from; without it none is. */
  readonly packages?: Pick<ReinstallPlannerParts, 'sources' | 'write'> & {
    readonly manifest: NonNullable<DependencySightParts['manifest']>;
  };
}

/** A config that is being written is not handed to the validator: a person may be in the middle of it. */
const settleMs = seconds(2);

/** What the config and the environment hold may be a secret, whatever its shape: the log's words are told without it. */
function valuesOf({ config, env }: GroundPlace): ReadonlySet<string> {
  const variables = Object.entries(env).filter(([name]) => isSecretVariable(name));
  return new Set([...(config === null ? [] : textsOf(config)), ...variables.map(([, value]) => value)]);
}

/**
 * The real sights, put together. `close` ends a validator and a planning that still run; after `forgetPackage` the next
 * look reads the package anew.
 */
export function createGroundSights(parts: GroundSightParts): {
  readonly look: Ground;
  readonly close: () => Promise<void>;
  readonly forgetPackage: () => void;
} {
  const { clock, run, processes, uid, redact, place } = parts;
  const list = listerOf(processes);
  const logs = () => {
    const now = place();
    return logPlaces({ place: now, home: now.home, job: now.job });
  };
  const configPlace = () => {
    const now = place();
    return { ...now, allowUnconfigured: now.programArguments.includes('--allow-unconfigured') };
  };
  const config = createConfigSight({
    clock,
    run,
    place: configPlace,
    timeoutMs: parts.validatorTimeoutMs,
    settleMs,
    onSettled: parts.onSettled,
  });
  const planner =
    parts.snapshots === undefined
      ? null
      : createRollbackPlanner({
          ...parts,
          ...parts.snapshots,
          place: configPlace,
          issuesOf: config.issuesOf,
        });
  const reinstaller =
    parts.packages === undefined ? null : createReinstallPlanner({ ...parts, ...parts.packages });
  const dependencies = createDependencySight({
    clock,
    place,
    processes: list,
    ...(parts.packages === undefined ? {} : { manifest: parts.packages.manifest }),
  });
  const log = createLogSight({
    clock,
    files: logs,
    stateDir: () => place().stateDir,
    sqlite: () => place().sqlite,
    version: () => place().version,
    redact: (text) => withoutValues(redact(text), valuesOf(place())),
  });
  const look = createGround({
    clock,
    wait: parts.wait,
    validatorTimeoutMs: parts.validatorTimeoutMs,
    sights: {
      config: config.look,
      dependencies: dependencies.look,
      log: log.look,
      passLog: log.pass,
      machine: createMachineSight({
        place: () => ({ ...place(), logs: logs() }),
        processes,
        uid,
        askNode: createAskNode({ run, clock }),
      }),
      remedies: createRemedies({
        planner,
        reinstaller,
        processes: list,
        clock,
        ...(parts.packages === undefined ? {} : { packageWork: parts.packages.sources.busy }),
      }),
    },
  });
  const close = async (): Promise<void> => {
    await Promise.all([config.close(), planner?.close(), reinstaller?.close()]);
  };
  return { look, close, forgetPackage: dependencies.forget };
}
