import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { cachedNode, packageFolder, testEnvironment } from './openclaw-cache.ts';
import { gatewayLabel } from './places.ts';
import { isAlive, until } from './processes.ts';

/** Drain and shutdown take 0.5 s when idle and 20 s at the most. */
const stopTimeoutMs = 40_000;

export interface PlainBoot {
  readonly home: string;
  /** Null leaves `--port` out. */
  readonly port: number | null;
  readonly prefix: string;
  readonly fakeMac: string;
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the gateway by the command of its plist, as launchd would, with nobody supervising it. */
export function startPlainly(boot: PlainBoot) {
  const log = openSync(boot.logFile, 'a');
  const serviceEnv = join(boot.home, '.openclaw', 'service-env');
  const child = spawn(
    '/bin/sh',
    [
      join(serviceEnv, `${gatewayLabel}-env-wrapper.sh`),
      join(serviceEnv, `${gatewayLabel}.env`),
      cachedNode(),
      '--require',
      boot.fakeMac,
      join(packageFolder(boot.prefix), 'dist', 'index.js'),
      'gateway',
      ...(boot.port === null ? [] : ['--port', String(boot.port)]),
    ],
    {
      env: { ...testEnvironment(boot.home), XPC_SERVICE_NAME: gatewayLabel, ...boot.env },
      cwd: join(boot.home, '.openclaw'),
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const pid = child.pid ?? 0;
  return {
    pid,
    exited,
    exitCode: () => child.exitCode,
    async stop(): Promise<number | null> {
      child.kill('SIGTERM');
      await until('the gateway to stop', () => (isAlive(pid) ? null : true), { timeoutMs: stopTimeoutMs });
      return exited;
    },
  };
}
