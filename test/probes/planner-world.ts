import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { instant, millis } from '../../src/core/time.ts';
import { checkConfigFile } from '../../src/gateway/config-check.ts';
import { type PlanOutcome, type PlanPlace, planRollback, type Seen } from '../../src/probes/plan-rollback.ts';
import { run } from '../../src/system/run.ts';
import { treeName } from '../../src/system/tree-name.ts';
import type { KeptRecord } from '../../src/vault/kept.ts';
import {
  configHashOf,
  type Label,
  type RecordedFile,
  type SnapshotEntry,
  type SnapshotStore,
} from '../../src/vault/snapshot.ts';

/** How the double of OpenClaw's validator behaves. */
interface Manner {
  /** 2026.6 says "Invalid input" for a key it does not know, and not which key. */
  readonly names?: boolean;
  /** Prints this instead of an answer. */
  readonly broken?: string;
}

/**
 * A validator that takes gateway, agents, channels and logging, wants what it knows to have the right type, and
 * refuses every other key. It reads JSON5 with includes as OpenClaw does, counts its runs, and notes where it looked.
 */
const validator = (home: string): string => `
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import json5 from ${JSON.stringify(join(import.meta.dirname, '../../node_modules/json5/lib/index.js'))};
const path = process.env.OPENCLAW_CONFIG_PATH;
appendFileSync(${JSON.stringify(join(home, 'runs'))}, path + ' ' + statSync(dirname(path)).mode.toString(8) + ' ' + statSync(path).mode.toString(8) + '\\n');
const manner = JSON.parse(readFileSync(${JSON.stringify(join(home, 'manner'))}, 'utf8'));
while (existsSync(${JSON.stringify(join(home, 'hold'))})) await new Promise((wake) => setTimeout(wake, 5));
if (manner.broken !== undefined) { console.error(manner.broken); process.exit(1); }
const issues = [];
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const merge = (one, other) => {
  if (!isObject(one) || !isObject(other)) return other;
  const all = { ...one };
  for (const [key, value] of Object.entries(other)) all[key] = key in one ? merge(one[key], value) : value;
  return all;
};
const resolved = (value, at) => {
  if (Array.isArray(value)) return value.map((each) => resolved(each, at));
  if (!isObject(value)) return value;
  const { $include, ...rest } = value;
  const own = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, resolved(each, at)]));
  const names = $include === undefined ? [] : [$include].flat();
  return [...names.map((name) => { const file = resolve(at, name); return resolved(json5.parse(readFileSync(file, 'utf8')), dirname(file)); }), own].reduce(merge, {});
};
const text = 'string', number = 'number', flag = 'boolean', list = 'list', any = 'any';
const agent = { id: text, model: text, tools: any, workspace: text };
const shape = {
  gateway: { mode: text, port: number, bind: ['loopback', 'lan'], auth: { mode: text, token: text, password: text }, tailscale: { mode: text }, reload: any },
  agents: { defaults: { model: text, workspace: text, timeoutSeconds: number }, list: [agent] },
  channels: { telegram: { enabled: flag, dmPolicy: text, allowFrom: list, botToken: text }, discord: { enabled: flag, token: text } },
  logging: { level: text, file: text }, messages: any, ui: any, env: any, commands: any, $schema: text,
};
const judge = (value, shape, path) => {
  const say = (message) => issues.push({ path: path.join('.') || '<root>', message: manner.names === false && !message.includes('allowed') ? 'Invalid input' : message });
  if (shape === any) return;
  if (Array.isArray(shape) && typeof shape[0] === 'string') { if (!shape.includes(value)) say('Invalid input (allowed: ' + shape.map((each) => '"' + each + '"').join(', ') + ')'); return; }
  if (shape === list) { if (!Array.isArray(value)) say('Invalid input: expected array, received ' + typeof value); return; }
  if (Array.isArray(shape)) { if (!Array.isArray(value)) say('Invalid input: expected array, received ' + typeof value); else value.forEach((each, index) => judge(each, shape[0], [...path, index])); return; }
  if (typeof shape === 'string') { if (typeof value !== shape) say('Invalid input: expected ' + shape + ', received ' + typeof value); return; }
  if (!isObject(value)) { say('Invalid input: expected object, received ' + typeof value); return; }
  const unknown = Object.keys(value).filter((key) => !(key in shape));
  if (unknown.length > 0) say((unknown.length > 1 ? 'Unrecognized keys: ' : 'Unrecognized key: ') + unknown.map((key) => '"' + key + '"').join(', '));
  for (const [key, each] of Object.entries(value)) if (key in shape) judge(each, shape[key], [...path, key]);
};
try { judge(resolved(json5.parse(readFileSync(path, 'utf8')), dirname(path)), shape, []); } catch (error) { issues.push({ path: '<root>', message: 'JSON5 parse failed or include failed' }); }
console.log(JSON.stringify({ valid: issues.length === 0, path, ...(issues.length === 0 ? {} : { issues }) }));
process.exitCode = issues.length === 0 ? 0 : 1;
`;

interface Snapshot {
  readonly label?: Label;
  readonly openclaw?: string | null;
  /** Text of openclaw.json, or of all files by their path from the config's directory. */
  readonly files: string | Readonly<Record<string, string>>;
}

/** A home with a live config, a double of OpenClaw's validator, and snapshots. */
export function plannerWorld() {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'rollback-planner-')));
  const stateDir = join(home, 'state');
  const configPath = join(stateDir, 'openclaw.json');
  const packageRoot = join(home, 'package');
  mkdirSync(stateDir);
  mkdirSync(packageRoot);
  writeFileSync(join(packageRoot, 'openclaw.mjs'), validator(home));
  const snapshots: { entry: SnapshotEntry; files: RecordedFile[] }[] = [];
  const kept: KeptRecord[] = [];
  const spoilt = new Set<string>();
  let reads = 0;

  const place: PlanPlace = {
    configPath,
    env: {},
    node: process.execPath,
    packageRoot,
    stateDir,
    allowUnconfigured: false,
    version: '2026.9.6',
  };
  const store: Pick<SnapshotStore, 'list' | 'read'> = {
    list: async (limit) => ({
      kind: 'listed',
      entries: snapshots.map(({ entry }) => entry).slice(0, limit),
      problem: null,
    }),
    read: async (id) => {
      reads += 1;
      const found = spoilt.has(id) ? undefined : snapshots.find(({ entry }) => entry.id === id);
      return found === undefined
        ? { kind: 'failed', because: 'gone' }
        : {
            kind: 'read',
            content: {
              files: found.files,
              openclaw: found.entry.openclaw,
              bootId: null,
              schemas: {},
              takenAt: found.entry.takenAt,
            },
          };
    },
  };
  const world = {
    home,
    configPath,
    place,
    store,
    kept,
    reads: () => reads,
    manner: (manner: Manner) => writeFileSync(join(home, 'manner'), JSON.stringify(manner)),
    hold: (on: boolean) =>
      on ? writeFileSync(join(home, 'hold'), '') : rmSync(join(home, 'hold'), { force: true }),
    /** Each new one is the newest. */
    snapshot: ({ label = 'verified', openclaw = '2026.9.6', files }: Snapshot): SnapshotEntry => {
      const all = typeof files === 'string' ? { 'openclaw.json': files } : files;
      const recorded = Object.entries(all).map(
        ([name, text]): RecordedFile => ({
          name: name === 'openclaw.json' ? name : `includes/${treeName('/', `/${name}`)}`,
          role: name === 'openclaw.json' ? 'config' : 'include',
          path: join(stateDir, name),
          mode: 0o600,
          bytes: Buffer.from(text),
        }),
      );
      const number = snapshots.length + 1;
      const entry: SnapshotEntry = {
        id: number.toString(16).repeat(40).slice(0, 40),
        takenAt: instant(Date.UTC(2026, 0, number)),
        label,
        configHash: configHashOf(recorded),
        openclaw,
        source: 'git',
      };
      snapshots.unshift({ entry, files: recorded });
      return entry;
    },
    relabel: (id: string, label: Label) => {
      const at = snapshots.findIndex(({ entry }) => entry.id === id);
      const found = snapshots[at];
      if (found !== undefined) snapshots[at] = { ...found, entry: { ...found.entry, label } };
    },
    /** From now on it is listed, and cannot be read. */
    spoil: (id: string) => void spoilt.add(id),
    live: (files: string | Readonly<Record<string, string>>) => {
      const all = typeof files === 'string' ? { 'openclaw.json': files } : files;
      for (const [name, text] of Object.entries(all)) {
        mkdirSync(dirname(join(stateDir, name)), { recursive: true });
        writeFileSync(join(stateDir, name), text, { mode: 0o600 });
      }
    },
    hash: () => {
      const { verdict } = checkConfigFile(configPath, place.env, null);
      return verdict.kind === 'unknown' ? null : verdict.hash;
    },
    /** The runs of the validator: where each looked, and the modes of the folder and the file. */
    runs: (): readonly string[] =>
      existsSync(join(home, 'runs')) ? readFileSync(join(home, 'runs'), 'utf8').trim().split('\n') : [],
    plan: (
      more: { place?: Partial<PlanPlace>; seen?: Seen | null; signal?: AbortSignal } = {},
    ): Promise<PlanOutcome> =>
      planRollback(
        {
          place: { ...place, ...more.place },
          store,
          kept: async () => kept,
          run,
          timeoutMs: millis(30_000),
          signal: more.signal ?? new AbortController().signal,
        },
        more.seen ?? null,
      ),
    stages: () => readdirSync(tmpdir()).filter((name) => name.startsWith(`openclaw-stage-${process.pid}-`)),
    end: () => rmSync(home, { recursive: true, force: true }),
  };
  world.manner({});
  return world;
}
