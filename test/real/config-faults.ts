import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GatewayHome } from './gateway-home.ts';

// Every way a config of a gateway goes bad that a rollback must mend, on a config as a person writes one.

/** The config of these scenarios, in JSON5: with comments, an included file and a bind that is loopback by its number. */
export const baseText = ({ port, token }: Pick<GatewayHome, 'port' | 'token'>, more = ''): string => `\
// Written by hand: what stands here must outlive a repair.
{
  gateway: {
    mode: 'local',
    bind: 'custom', // loopback, by its number
    customBindHost: '127.0.0.1',
    port: ${port},
    auth: { mode: 'token', token: '${token}' },
    controlUi: { enabled: false },
  },
  discovery: { $include: './parts/discovery.json5' },
  update: { checkOnStart: false },
${more}}
`;

/** Ten edits that every version takes; for `env`, a running gateway would restart itself. */
export const goodEdits = `\
  // Ten good edits of one afternoon.
  logging: { level: 'debug' }, // for a while
  messages: { ackReactionScope: 'group-mentions' },
  session: { scope: 'per-sender' },
  ui: { seamColor: '#336699' },
  cron: { enabled: false },
  browser: { enabled: false },
  agents: { defaults: { timeoutSeconds: 300, maxConcurrent: 2 } },
  tools: { deny: ['browser'] },
  talk: { interruptOnSpeech: true },
  commands: { native: false },
`;

export const includedText = "// Announced nowhere.\n{ mdns: { mode: 'off' } }\n";

export const includePath = ({ configPath }: Pick<GatewayHome, 'configPath'>): string =>
  join(dirname(configPath), 'parts', 'discovery.json5');

/** Both files, as they are while nothing is wrong. */
export function writeBase(gateway: GatewayHome, text: string = baseText(gateway)): void {
  mkdirSync(dirname(includePath(gateway)), { recursive: true, mode: 0o700 });
  writeFileSync(includePath(gateway), includedText, { mode: 0o600 });
  writeFileSync(gateway.configPath, text, { mode: 0o600 });
}

/** What the user had there, to be found again byte for byte. */
export interface Damaged {
  readonly path: string;
  readonly was: Buffer | 'directory' | 'nothing';
}

export interface ConfigFault {
  readonly name: string;
  /** What may be named; one more where two names are equally true of it. */
  readonly causes: readonly string[];
  readonly smoke?: true;
  /** How the gateway goes down with it in place: SIGTERM is a clean stop. */
  readonly end: 'SIGKILL' | 'SIGTERM';
  /** The ten good edits stand in the file beside it, and must still stand there afterwards. */
  readonly keepsEdits?: true;
  readonly make: (gateway: GatewayHome) => Damaged;
}

function written(gateway: GatewayHome, text: string | Buffer): Damaged {
  writeFileSync(gateway.configPath, text);
  return { path: gateway.configPath, was: Buffer.from(text) };
}

const edited = (edit: (text: string) => string) => (gateway: GatewayHome) =>
  written(gateway, edit(baseText(gateway, goodEdits)));

const overwritten = ['config-clobbered', 'config-invalid'];
const wrong = ['config-invalid'];

const whole: readonly ConfigFault[] = [
  {
    name: 'broken JSON',
    causes: overwritten,
    smoke: true,
    end: 'SIGKILL',
    make: edited((text) => text.slice(0, Math.floor(text.length * 0.9))),
  },
  { name: 'an empty file', causes: overwritten, end: 'SIGKILL', make: edited(() => '') },
  {
    name: '43 bytes of garbage',
    causes: overwritten,
    end: 'SIGTERM',
    make: (gateway) =>
      written(gateway, Buffer.from(Array.from({ length: 43 }, (_, n) => (n * 151 + 7) % 256))),
  },
  {
    name: 'a missing file',
    causes: overwritten,
    smoke: true,
    end: 'SIGKILL',
    make: ({ configPath }) => {
      rmSync(configPath);
      return { path: configPath, was: 'nothing' };
    },
  },
  {
    name: 'a directory in its place',
    causes: overwritten,
    end: 'SIGKILL',
    make: ({ configPath }) => {
      rmSync(configPath);
      mkdirSync(configPath);
      writeFileSync(join(configPath, 'mine.txt'), 'put here by a sync tool\n');
      return { path: configPath, was: 'directory' };
    },
  },
  {
    name: 'nobody may read it',
    causes: wrong,
    end: 'SIGKILL',
    make: (gateway) => {
      const damaged = edited((text) => text)(gateway);
      chmodSync(gateway.configPath, 0o000);
      return damaged;
    },
  },
  {
    name: 'an included file is gone',
    causes: wrong,
    end: 'SIGKILL',
    make: (gateway) => {
      rmSync(includePath(gateway));
      return { path: includePath(gateway), was: 'nothing' };
    },
  },
];

const single: readonly ConfigFault[] = [
  {
    name: 'an unknown key at the root',
    causes: wrong,
    smoke: true,
    end: 'SIGKILL',
    keepsEdits: true,
    make: edited((text) => text.replace('  update:', '  bogusKey: 1,\n  update:')),
  },
  {
    name: 'an unknown key inside gateway',
    causes: wrong,
    end: 'SIGTERM',
    keepsEdits: true,
    make: edited((text) => text.replace("mode: 'local',", "mode: 'local',\n    bogusKey: { deep: true },")),
  },
  {
    name: 'a port that is a word',
    causes: wrong,
    end: 'SIGKILL',
    keepsEdits: true,
    make: edited((text) => text.replace(/port: \d+/, "port: 'abc'")),
  },
  {
    name: 'gateway.mode is gone',
    causes: wrong,
    end: 'SIGKILL',
    keepsEdits: true,
    make: edited((text) => text.replace("mode: 'local',", '')),
  },
  {
    name: 'an include of a file that was never there',
    causes: wrong,
    end: 'SIGKILL',
    keepsEdits: true,
    make: edited((text) =>
      text.replace('  update:', "  hooks: { $include: './parts/nowhere.json5' },\n  update:"),
    ),
  },
];

/** First those after which the whole config is an older one: the only verified one is then the base. */
export const configFaults: readonly ConfigFault[] = [...whole, ...single];

/** As it is on disk, where it may be read. */
export const textOf = (path: string): string => readFileSync(path, 'utf8');

/** One more key at the root. */
export const withKey = (text: string, line: string): string =>
  text.replace('  update:', `  ${line}\n  update:`);
