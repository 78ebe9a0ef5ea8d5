import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Where one gateway lives: what the installer records and everything else is derived from. */
export interface GatewayPlace {
  readonly label: string;
  /** Null where no service manager file exists (`--demo`, a machine without launchd). */
  readonly plist: string | null;
  readonly stateDir: string;
  readonly configPath: string;
}

export interface GatewayFiles {
  readonly serviceEnv: string;
  readonly dotEnv: string;
  /** In the order they are to be read: 2026.9.6 first, then where older versions put theirs. */
  readonly lockFiles: readonly string[];
  readonly auditLog: string;
  readonly sqlite: string;
  readonly handoffs: readonly string[];
  /** Dated JSON logs, shared by all homes of a user. */
  readonly logDirectories: readonly string[];
}

/** Derives every file of OpenClaw's we look at. `tmpDir` is the gateway's TMPDIR, not ours. */
export function gatewayFiles(
  { label, stateDir, configPath }: GatewayPlace,
  { uid, tmpDir }: { readonly uid: number; readonly tmpDir: string | null },
): GatewayFiles {
  const perUser = `openclaw-${uid}`;
  const hash = createHash('sha256').update(configPath).digest('hex').slice(0, 8);
  const temporary = [...new Set([join(stateDir, 'tmp'), ...(tmpDir === null ? [] : [tmpDir]), '/tmp'])];
  return {
    serviceEnv: join(stateDir, 'service-env', `${label}.env`),
    dotEnv: join(stateDir, '.env'),
    lockFiles: [
      join(stateDir, 'tmp', perUser, 'gateway.state.lock'),
      ...temporary.map((directory) => join(directory, perUser, `gateway.${hash}.lock`)),
    ],
    auditLog: join(stateDir, 'logs', 'gateway-restart.log'),
    sqlite: join(stateDir, 'state', 'openclaw.sqlite'),
    handoffs: ['/tmp/openclaw', ...temporary.map((directory) => join(directory, perUser))].map((directory) =>
      join(directory, 'managed-update-handoffs.sqlite'),
    ),
    logDirectories: ['/tmp/openclaw', ...temporary.map((directory) => join(directory, perUser))],
  };
}
