import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bootGateway } from '../real/gateway-home.ts';
import { newestVersion } from '../real/places.ts';
import { type Ground, label, makeGround } from './ground.ts';
import type { Rival } from './probe-cost.ts';

/** Whether this version is in the cache of `npm run test:real` below that home; the bench installs nothing. */
export const isCached = (home: string): boolean =>
  existsSync(join(home, '.cache', 'openclaw-immune', `openclaw-${newestVersion}`));

const commandTimeoutMs = 60_000;

export interface RealGround extends Ground {
  /** OpenClaw's own commands for the same question. */
  readonly rivals: readonly Rival[];
}

/** A real OpenClaw under the launchctl double, as the real tests boot it. */
export async function realGround(): Promise<RealGround> {
  const gateway = await bootGateway();
  await gateway.waitReady();
  const ground = makeGround({
    name: `real gateway (OpenClaw ${gateway.version})`,
    root: gateway.root,
    home: gateway.home,
    port: gateway.port,
    token: gateway.token,
    launchd: gateway.launchd,
    place: { label, plist: gateway.plist, stateDir: join(gateway.home, '.openclaw') },
    close: gateway.stop,
  });
  const openclaw = join(gateway.prefix(), 'bin', 'openclaw');
  const ask =
    (...args: readonly string[]) =>
    (): void => {
      const ended = spawnSync(openclaw, [...args], {
        env: { ...gateway.env, NODE_OPTIONS: `--require ${join(gateway.root, 'support', 'fake-mac.cjs')}` },
        cwd: gateway.home,
        timeout: commandTimeoutMs,
        encoding: 'utf8',
      });
      if (ended.status !== 0)
        throw new Error(`openclaw ${args.join(' ')} ended with ${ended.status}: ${ended.stderr}`);
    };
  return {
    ...ground,
    rivals: [
      { name: '`openclaw gateway status --json`', rounds: 3, run: ask('gateway', 'status', '--json') },
      { name: '`openclaw health --json`', rounds: 3, run: ask('health', '--json') },
    ],
  };
}
