import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GatewayHome } from '../gateway-home.ts';
import type { LaunchAgent } from '../home-template.ts';
import { cachedNode } from '../openclaw-cache.ts';
import { signal } from '../processes.ts';
import { type Fault, runningPid, type Undo } from './fault.ts';

// What launchd runs before any line of OpenClaw: the Node of the plist, OpenClaw's wrapper and its environment file.

async function swapped(gateway: GatewayHome, path: string, after: string | null): Promise<Undo> {
  const pid = await runningPid(gateway);
  const aside = join(gateway.root, 'aside');
  renameSync(path, aside);
  if (after !== null) {
    // A copy first, so that the file keeps its mode.
    copyFileSync(aside, path);
    writeFileSync(path, after);
  }
  signal(pid, 'SIGKILL');
  return () => renameSync(aside, path);
}

const serviceFile = (gateway: GatewayHome, ending: string): string =>
  join(gateway.home, '.openclaw', 'service-env', `${gateway.label}${ending}`);

/** A plist that names a link of this home's own instead of the Node everybody shares: faults may take it away. */
export function withOwnNode(plist: LaunchAgent): LaunchAgent {
  const own = nodeBeside(String(plist['WorkingDirectory']));
  mkdirSync(dirname(own), { recursive: true });
  symlinkSync(cachedNode(), own);
  const words = plist.ProgramArguments.map((word) => (word === cachedNode() ? own : word));
  return { ...plist, ProgramArguments: words };
}

const nodeBeside = (stateDir: string): string => join(dirname(stateDir), 'node', 'bin', 'node');

const nodeOf = (gateway: GatewayHome): string => nodeBeside(join(gateway.home, '.openclaw'));

/** Below what any supported OpenClaw runs on. */
const oldVersion = '20.20.2';

/** Runs as the Node it is, and says that it is another: OpenClaw reads its version and refuses. */
function oldNode(gateway: GatewayHome): string {
  const preload = join(gateway.root, 'old-node.cjs');
  const versions = `{ ...process.versions, node: '${oldVersion}' }`;
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: ${versions} });\nObject.defineProperty(process, 'version', { value: 'v${oldVersion}' });\n`,
  );
  return [
    '#!/bin/sh',
    `[ "$1" = --version ] && { echo v${oldVersion}; exit 0; }`,
    `exec '${cachedNode()}' --require '${preload}' "$@"`,
    '',
  ].join('\n');
}

export const launches: readonly Fault[] = [
  {
    name: 'the Node of the plist is gone',
    causes: ['node-missing'],
    ends: ['alert'],
    inject: (gateway) => swapped(gateway, nodeOf(gateway), null),
  },
  {
    name: 'the Node of the plist is a version this OpenClaw does not run on',
    causes: ['node-missing'],
    ends: ['alert'],
    inject: async (gateway) => {
      // OpenClaw looks along its PATH for a better one: there is none.
      const env = serviceFile(gateway, '.env');
      const text = readFileSync(env, 'utf8');
      writeFileSync(env, text.replace(/^export PATH=.*$/m, "export PATH='/nonexistent'"));
      const undo = await swapped(gateway, nodeOf(gateway), null);
      writeFileSync(nodeOf(gateway), oldNode(gateway), { mode: 0o755 });
      return async () => {
        await undo();
        writeFileSync(env, text);
      };
    },
  },
  {
    name: 'the environment file without its header',
    causes: ['environment-broken'],
    ends: ['alert'],
    // Its wrapper checks nothing.
    older: { causes: ['crashed'], ends: ['nothing'], heals: true },
    inject: (gateway) => {
      const path = serviceFile(gateway, '.env');
      return swapped(gateway, path, readFileSync(path, 'utf8').split('\n').slice(1).join('\n'));
    },
  },
  {
    name: "OpenClaw's launch wrapper is gone",
    causes: ['environment-broken'],
    ends: ['alert'],
    inject: (gateway) => swapped(gateway, serviceFile(gateway, '-env-wrapper.sh'), null),
  },
];
