import { chmodSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayHome } from '../gateway-home.ts';
import { newestVersion } from '../places.ts';
import { signal } from '../processes.ts';
import { type Fault, runningPid, type Undo } from './fault.ts';

// The config file: what people, tools and full disks leave behind, with the gateway down and with it still running.

interface Damage {
  readonly name: string;
  readonly causes: readonly string[];
  readonly elsewhere?: true;
  readonly make: (path: string) => void;
}

const edited = (edit: (text: string) => string) => (path: string) =>
  writeFileSync(path, edit(readFileSync(path, 'utf8')));

const withKey = (key: string, value: unknown) =>
  edited((text) => JSON.stringify({ ...JSON.parse(text), [key]: value }, null, 2));

const overwritten = ['config-clobbered', 'config-invalid'];
const wrong = ['config-invalid'];

const brokenJson: Damage = {
  name: 'broken JSON',
  elsewhere: true,
  causes: overwritten,
  make: edited((text) => text.slice(0, Math.floor(text.length * 0.9))),
};
const emptyFile: Damage = {
  name: 'an empty file',
  elsewhere: true,
  causes: overwritten,
  make: edited(() => ''),
};
const missingFile: Damage = {
  name: 'a missing file',
  elsewhere: true,
  causes: overwritten,
  make: (path) => rmSync(path),
};
const unknownKey: Damage = {
  name: 'an unknown key',
  elsewhere: true,
  causes: wrong,
  make: withKey('bogusKey', 1),
};

const damages: readonly Damage[] = [
  brokenJson,
  emptyFile,
  missingFile,
  { name: 'an empty object', causes: overwritten, make: edited(() => '{}\n') },
  {
    name: 'a line of a tool before the first brace',
    causes: overwritten,
    make: edited((text) => `Found and updated: False\n${text}`),
  },
  unknownKey,
  {
    name: 'a port that is a word',
    elsewhere: true,
    causes: wrong,
    make: edited((text) => text.replace(/"port": \d+/, '"port": "abc"')),
  },
  {
    name: 'a channel setting of the wrong type',
    causes: wrong,
    make: withKey('channels', { telegram: { enabled: 'yes' } }),
  },
  { name: 'nobody may read it', elsewhere: true, causes: wrong, make: (path) => chmodSync(path, 0o000) },
];

/** The same bytes, owner and mode, in one rename: the gateway must not see a half of it. */
function keep(gateway: GatewayHome): Undo {
  const kept = join(gateway.root, 'openclaw.json.kept');
  copyFileSync(gateway.configPath, kept);
  chmodSync(kept, 0o600);
  return () => renameSync(kept, gateway.configPath);
}

const whileDown = ({ name, causes, elsewhere, make }: Damage): Fault => ({
  name: `config, gateway down: ${name}`,
  causes,
  ...(elsewhere === true ? { elsewhere } : {}),
  ends: ['rollback', 'alert'],
  inject: async (gateway) => {
    const pid = await runningPid(gateway);
    const undo = keep(gateway);
    make(gateway.configPath);
    signal(pid, 'SIGKILL');
    return undo;
  },
});

const whileUp = ({ name, make }: Damage): Fault => ({
  name: `config, gateway running: ${name}`,
  causes: ['config-latent'],
  ends: ['tell'],
  heals: true,
  inject: (gateway) => {
    const undo = keep(gateway);
    make(gateway.configPath);
    return undo;
  },
});

export const configs: readonly Fault[] = [
  ...damages.map(whileDown),
  whileUp(unknownKey),
  ...[brokenJson, missingFile].map(whileUp),
  {
    name: 'a token from a variable nobody set',
    causes: ['auth-mismatch'],
    ends: ['tell', 'nothing'],
    // Older versions do not start with it.
    versions: [newestVersion],
    inject: async (gateway) => {
      const pid = await runningPid(gateway);
      const undo = keep(gateway);
      const variable = ['$', '{NOPE_TOKEN}'].join('');
      edited((text) => text.replace(gateway.token, variable))(gateway.configPath);
      signal(pid, 'SIGKILL');
      return undo;
    },
  },
];
