import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { GatewayHome } from '../gateway-home.ts';
import { packageFolder } from '../openclaw-cache.ts';
import { signal } from '../processes.ts';
import { type Fault, runningPid, type Undo } from './fault.ts';

// The installed package. The gateway under test has a copy of hard links of its own: files are moved, never written into.

export const folderOf = (gateway: GatewayHome): string => packageFolder(gateway.prefix());

/** Moves a part of the package out of it; the undo moves it back. */
function moveAside(gateway: GatewayHome, path: string): Undo {
  const aside = join(gateway.root, 'aside');
  renameSync(path, aside);
  return () => renameSync(aside, path);
}

async function killed(gateway: GatewayHome, damage: () => Undo): Promise<Undo> {
  const pid = await runningPid(gateway);
  const undo = damage();
  signal(pid, 'SIGKILL');
  return undo;
}

const withoutModule = (name: string): Fault => ({
  name: `the dependency ${name} is gone`,
  causes: ['dependency-missing'],
  ends: ['reinstall', 'alert'],
  elsewhere: true,
  inject: (gateway) =>
    killed(gateway, () => moveAside(gateway, join(folderOf(gateway), 'node_modules', name))),
});

/** The chunk every version runs its gateway from: only that one can be told by what it says, not by its hashed name. */
export function gatewayChunk(gateway: GatewayHome): string {
  const dist = join(folderOf(gateway), 'dist');
  const found = readdirSync(dist)
    .filter((name) => /\.m?js$/.test(name) && name.startsWith('run-'))
    .find((name) => readFileSync(join(dist, name), 'utf8').includes('async function runGatewayCommand('));
  if (found === undefined) throw new Error(`no chunk of ${dist} runs the gateway`);
  return join(dist, found);
}

/** Killed while it unpacked; the package is the same version before and after. */
export function halfInstall(gateway: GatewayHome): Undo {
  const whole = folderOf(gateway);
  const modules = dirname(whole);
  const aside = join(modules, '.openclaw-tw5YBlZG');
  const command = join(gateway.prefix(), 'bin', 'openclaw');
  const commandAside = join(gateway.prefix(), 'bin', '.openclaw-tw5YBlZG');
  renameSync(whole, aside);
  renameSync(command, commandAside);
  // What npm had unpacked when it was killed: a few hundred files, its marker, and no package.json yet.
  mkdirSync(join(whole, 'dist'), { recursive: true });
  for (const name of readdirSync(join(aside, 'dist')).filter((one) => one.startsWith('a'))) {
    if (/\.m?js$/.test(name)) copyFileSync(join(aside, 'dist', name), join(whole, 'dist', name));
  }
  writeFileSync(join(whole, '.openclaw-lifecycle-pending'), '{}\n');
  return () => {
    rmSync(whole, { recursive: true });
    renameSync(aside, whole);
    renameSync(commandAside, command);
  };
}

export const packages: readonly Fault[] = [
  ...['ws', 'json5'].map(withoutModule),
  ...['zod', 'chokidar'].map(withoutModule),
  {
    name: 'the whole node_modules of the package is gone',
    elsewhere: true,
    causes: ['dependency-missing'],
    ends: ['reinstall', 'alert'],
    inject: (gateway) => killed(gateway, () => moveAside(gateway, join(folderOf(gateway), 'node_modules'))),
  },
  {
    name: 'a dist chunk is gone',
    elsewhere: true,
    causes: ['dist-corrupted'],
    ends: ['reinstall', 'alert'],
    inject: (gateway) => killed(gateway, () => moveAside(gateway, gatewayChunk(gateway))),
  },
  {
    name: 'a dist chunk is truncated',
    elsewhere: true,
    causes: ['dist-corrupted'],
    ends: ['reinstall', 'alert'],
    // Its inventory knows no sizes, and its plist throws away what Node says: the name is open, the alert is right.
    older: { causes: ['crash-loop', 'dist-corrupted'] },
    inject: (gateway) =>
      killed(gateway, () => {
        const chunk = gatewayChunk(gateway);
        const undo = moveAside(gateway, chunk);
        copyFileSync(join(gateway.root, 'aside'), chunk);
        truncateSync(chunk, 20_000);
        return undo;
      }),
  },
  {
    name: 'dist/index.js is gone',
    elsewhere: true,
    causes: ['dist-corrupted'],
    ends: ['reinstall', 'alert'],
    inject: (gateway) =>
      killed(gateway, () => moveAside(gateway, join(folderOf(gateway), 'dist', 'index.js'))),
  },
  {
    name: 'npm was killed while it unpacked a new version',
    elsewhere: true,
    causes: ['half-install'],
    ends: ['reinstall', 'alert'],
    inject: (gateway) => killed(gateway, () => halfInstall(gateway)),
  },
  {
    name: 'a marker of an unfinished install that the next start completes',
    causes: ['crashed'],
    ends: ['nothing'],
    heals: true,
    inject: (gateway) =>
      killed(gateway, () => {
        const marker = join(folderOf(gateway), '.openclaw-lifecycle-pending');
        writeFileSync(marker, '{}\n');
        return () => {
          if (existsSync(marker)) rmSync(marker);
        };
      }),
  },
];
