import { copyFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseText, withKey } from './config-faults.ts';
import { folderOf, gatewayChunk, halfInstall } from './faults/packages.ts';
import type { GatewayHome } from './gateway-home.ts';

// Every way the installed package goes bad that a repair must mend, offline.

export interface PackageFault {
  readonly name: string;
  /** Made on the older version too without --all. */
  readonly smoke?: true;
  /** What may be named when it is acted on. */
  readonly causes: readonly string[];
  /** What the repairs are, in order; the start that follows is launchd's or ours. */
  readonly repairs: readonly string[];
  /** The gateway starts with it all the same. */
  readonly serves?: true;
  /** OpenClaw disables and unloads its own job over it, on the newest version: the watchdog is paused until it has. */
  readonly parks?: true;
  readonly make: (gateway: GatewayHome) => void;
}

/** Out of the package in one rename, so that no half of it is met; what the case has taken out goes with its home. */
export function takeOut(gateway: GatewayHome, ...path: readonly string[]): void {
  const name = path.join('-').replaceAll('/', '-');
  const out = join(gateway.root, `taken-out-${name}`);
  rmSync(out, { recursive: true, force: true });
  renameSync(join(folderOf(gateway), ...path), out);
}

const missing = ['dependency-missing'];
const damaged = ['dist-corrupted'];
const reinstall = ['reinstall'];

const withoutModule = (name: string): PackageFault => ({
  name: `${name} is deleted`,
  causes: missing,
  repairs: reinstall,
  make: (gateway) => takeOut(gateway, 'node_modules', name),
});

export const packageFaults: readonly PackageFault[] = [
  ...['json5', 'undici', 'zod', 'chokidar'].map(withoutModule),
  { ...withoutModule('ws'), parks: true },
  {
    name: 'a dist chunk is truncated',
    smoke: true,
    causes: damaged,
    repairs: reinstall,
    make: (gateway) => {
      const chunk = gatewayChunk(gateway);
      const torn = `${chunk}.torn`;
      copyFileSync(chunk, torn);
      truncateSync(torn, 20_000);
      renameSync(torn, chunk);
    },
  },
  {
    name: 'a dist chunk is deleted',
    causes: damaged,
    repairs: reinstall,
    make: (gateway) => rmSync(gatewayChunk(gateway)),
  },
  {
    name: 'dist/index.js is gone',
    causes: damaged,
    repairs: reinstall,
    make: (gateway) => rmSync(join(folderOf(gateway), 'dist', 'index.js')),
  },
  {
    name: 'the whole node_modules is gone',
    smoke: true,
    causes: missing,
    repairs: reinstall,
    make: (gateway) => takeOut(gateway, 'node_modules'),
  },
  {
    name: 'the package.json of openclaw is gone',
    causes: [...damaged, 'dependency-latent', 'serving'],
    repairs: reinstall,
    serves: true,
    make: (gateway) => takeOut(gateway, 'package.json'),
  },
  {
    name: 'npm was killed while it unpacked',
    smoke: true,
    causes: ['half-install'],
    repairs: reinstall,
    make: (gateway) => {
      halfInstall(gateway);
      // Its aside of the command is left behind by npm for good.
      rmSync(join(gateway.prefix(), 'bin', '.openclaw-tw5YBlZG'));
    },
  },
  {
    name: 'a bad key in the config, and ws deleted',
    causes: missing,
    repairs: ['reinstall', 'rollback'],
    make: (gateway) => {
      writeFileSync(gateway.configPath, withKey(baseText(gateway), 'bogusKey: 1,'));
      takeOut(gateway, 'node_modules', 'ws');
    },
  },
];
