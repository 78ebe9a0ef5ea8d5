import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Paths } from '../../config/paths.ts';
import { UserError } from '../../core/errors.ts';
import { commandAfterEnv } from '../../gateway/env-wrapper.ts';
import { createHttpProbe } from '../../gateway/healthz.ts';
import { findOnPath, findPackage, isExecutable, rootOfEntry } from '../../gateway/package.ts';
import { readText } from '../../gateway/read-text.ts';
import {
  hookTrouble,
  readHook,
  recordIn,
  type SafeStartHook,
  type SafeStartRecord,
  wrapperIn,
} from '../../gateway/safe-start-hook.ts';
import { systemClock } from '../../system/clock.ts';
import type { Ground } from './context.ts';
import type { GatewayReport } from './gateway.ts';
import { labelOf } from './names.ts';
import { hookFiles, renderPassThrough, rootOf } from './safe-start-files.ts';
import { otherJobs } from './safe-start-others.ts';
import type { Step } from './steps.ts';

export interface SafeStartAsk {
  readonly ground: Ground;
  readonly gateway: GatewayReport;
  readonly uid: number;
}

export interface SafeStartPlan {
  readonly steps: readonly Step[];
  readonly notes: readonly string[];
}

/** A gateway that serves answers in 2 ms. */
const healthzMs = 2_000;

/** What installing does about safe start: puts it in when asked for, keeps it as it was otherwise. */
export async function planSafeStart(
  ask: SafeStartAsk & { readonly wanted: boolean; readonly template: string },
): Promise<SafeStartPlan> {
  const hook = hookOf(ask);
  if (hook.kind === 'installed') return refresh(hook, ask);
  if (!ask.wanted) {
    const trouble = hookTrouble(hook);
    return { steps: [], notes: trouble === null ? [] : [trouble] };
  }
  if (hook.kind === 'foreign') {
    throw refused(
      `the gateway is already started through ${hook.wrapper}, which is not ours and stays`,
      `take it out first: OPENCLAW_WRAPPER= openclaw gateway install --force`,
    );
  }
  const [other] = otherJobs({ plist: plistOf(ask), directory: ask.ground.paths.safeStart });
  if (other !== undefined) {
    throw refused(
      `${other} starts a gateway through our wrapper already, and there is one for one gateway`,
      'for that gateway: OPENCLAW_WRAPPER= openclaw gateway install --force',
    );
  }
  const record = hook.kind === 'unknown' ? null : recordOf(commandAfterEnv(rawWords(ask)));
  if (record === null) {
    throw refused(
      `${ask.gateway.installation.plist ?? 'the gateway'} names no Node and entry of OpenClaw that could be recorded`,
      'openclaw gateway install --force, then: immune install --safe-start',
    );
  }
  // It is proven by one restart, and a gateway that does not serve now could prove nothing.
  if (ask.gateway.state.kind !== 'running' || !(await serves(ask.gateway)))
    throw refused('the gateway does not serve at this moment', 'immune check --why');
  const restart = 'safe start: the gateway will restart once, so that launchd starts it through our wrapper';
  return { steps: [hookStep(record, ask)], notes: [restart] };
}

/** Uninstalling takes the wrapper out, where it is in. */
export function planUnhook(ask: SafeStartAsk): readonly Step[] {
  const { ground, gateway } = ask;
  const directory = ground.paths.safeStart;
  const hook = hookOf(ask);
  const isNeeded = otherJobs({ plist: plistOf(ask), directory }).length > 0;
  const leftover: readonly Step[] =
    existsSync(recordIn(directory)) && !isNeeded
      ? [{ kind: 'remove', path: directory, why: 'the wrapper, which nothing starts any more' }]
      : [];
  const named = hook.kind === 'installed' || (hook.kind === 'unknown' && existsSync(plistOf(ask)));
  if (!named || (hook.kind === 'unknown' && !hook.remembered)) return leftover;
  const known = (hook.kind === 'installed' ? hook.record : null) ?? guess(gateway);
  if (known === null) return [];
  const record = renewed(known, ask);
  const path = wrapperIn(directory);
  const takeBack = installCommand(record, [], ask);
  return [
    {
      kind: 'unhook',
      ...common(ask, takeBack),
      passThrough: { path, text: renderPassThrough(record), mode: 0o700 },
      byHand: `OPENCLAW_WRAPPER= openclaw gateway install --force && rm -r '${directory.replaceAll("'", "'\\''")}'`,
      why: 'the gateway is started without our wrapper again',
    },
  ];
}

const hookOf = (ask: SafeStartAsk): SafeStartHook =>
  readHook({ programArguments: rawWords(ask), directory: ask.ground.paths.safeStart });

const rawWords = ({ gateway }: SafeStartAsk): readonly string[] => gateway.surroundings.programArguments;

function refused(because: string, hint: string): UserError {
  return new UserError('safe-start', `nothing has been installed: ${because}`, { hint, exitCode: 4 });
}

/** Node, its options and the entry, as OpenClaw wrote them; null for anything else. */
function recordOf(command: readonly string[]): SafeStartRecord | null {
  const at = command.findIndex((word) => rootOfEntry(word) !== null);
  const [node, entry] = [command[0], command[at]];
  if (at < 1 || node === undefined || entry === undefined || !isExecutable(node)) return null;
  if (!/^node(?:[-@]?\d+)?$/.test(basename(node))) return null;
  return { version: 1, node, flags: command.slice(1, at), entry };
}

/** What was recorded, with what has moved since in its new place. The heap's limit is only known from the record. */
function renewed(record: SafeStartRecord, { gateway, ground }: SafeStartAsk): SafeStartRecord {
  const path = gateway.surroundings.env['PATH'] ?? '';
  const node = isExecutable(record.node) ? record.node : (findOnPath('node', path) ?? record.node);
  if (existsSync(record.entry)) return { ...record, node };
  const former = rootOfEntry(record.entry);
  const stands = former !== null && existsSync(former);
  const root = stands ? former : (findPackage([path], ground.home)?.root ?? null);
  return { ...record, node, entry: root === null ? record.entry : entryIn(root, record.entry) };
}

/** Of the names OpenClaw's own installer looks for the first that is there; else the one it had. */
function entryIn(root: string, former: string): string {
  const names = ['index.js', 'index.mjs', 'entry.js', 'entry.mjs'].map((name) => join(root, 'dist', name));
  return names.find((path) => existsSync(path)) ?? join(root, 'dist', basename(former));
}

/** Without a readable record: Node and package as they are found now. */
function guess({ installation }: GatewayReport): SafeStartRecord | null {
  const { nodePath, packageRoot } = installation;
  if (nodePath === null || packageRoot === null) return null;
  return { version: 1, node: nodePath, flags: [], entry: join(packageRoot, 'dist', 'index.js') };
}

function refresh(
  hook: Extract<SafeStartHook, { kind: 'installed' }>,
  ask: SafeStartAsk & { readonly template: string },
): SafeStartPlan {
  const known = hook.record ?? guess(ask.gateway);
  if (known === null) {
    return {
      steps: [],
      notes: ['safe start stays as it is: neither its record nor the package can be read'],
    };
  }
  const files = filesFor(renewed(known, ask), ask);
  const changed = files.filter(({ path, text, mode }) => readText(path) !== text || modeOf(path) !== mode);
  return {
    steps: changed.map((file) => ({ kind: 'write', ...file, lint: null, why: 'safe start' })),
    notes: ['safe start is in place and is kept'],
  };
}

/** A wrapper that cannot be executed keeps the gateway from starting. */
const modeOf = (path: string): number => (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;

function filesFor(record: SafeStartRecord, ask: SafeStartAsk & { readonly template: string }) {
  const { paths, tools } = ask.ground;
  return hookFiles(ask.template, {
    directory: paths.safeStart,
    root: rootOf(record),
    record,
    immune: immuneOf(paths),
    launchctl: tools.launchctl,
    watchdog: `gui/${ask.uid}/${labelOf('watchdog')}`,
  });
}

const immuneOf = (paths: Paths): string => join(paths.bin, 'immune');

function hookStep(record: SafeStartRecord, ask: SafeStartAsk & { readonly template: string }): Step {
  const { host, port, tls } = ask.gateway.endpoint;
  const takeBack = installCommand(record, [], ask);
  return {
    kind: 'hook',
    ...common(ask, takeBack),
    files: filesFor(record, ask),
    put: installCommand(record, ['--wrapper', wrapperIn(ask.ground.paths.safeStart)], ask),
    endpoint: { host, port, tls },
    why: 'safe start',
  };
}

const plistOf = ({ gateway, ground }: SafeStartAsk): string =>
  gateway.installation.plist ??
  join(ground.home, 'Library', 'LaunchAgents', `${gateway.installation.label}.plist`);

function common(ask: SafeStartAsk, takeBack: readonly string[]) {
  const { ground, gateway } = ask;
  return {
    label: gateway.installation.label,
    plist: plistOf(ask),
    home: ground.home,
    directory: ground.paths.safeStart,
    env: environmentOf(takeBack[0] ?? '', ask),
    takeBack,
  };
}

/** OpenClaw's own command line, by the very Node and entry that launchd starts. What the job was given, it keeps. */
function installCommand(
  { node, flags, entry }: SafeStartRecord,
  more: readonly string[],
  ask: SafeStartAsk,
): readonly string[] {
  const words = rawWords(ask);
  const at = words.indexOf('--port');
  const port = at < 0 ? undefined : words[at + 1];
  return [
    node,
    ...flags,
    entry,
    'gateway',
    'install',
    ...more,
    '--force',
    ...(port === undefined ? [] : ['--port', port]),
    ...(words.includes('--allow-unconfigured') ? ['--allow-unconfigured'] : []),
  ];
}

const systemPath = '/usr/bin:/bin:/usr/sbin:/sbin';
const carried = ['OPENCLAW_STATE_DIR', 'OPENCLAW_CONFIG_PATH', 'OPENCLAW_PROFILE'] as const;

/** OpenClaw refuses service commands that inherit the service's own markers, so only what names the gateway is given. */
function environmentOf(node: string, { ground, gateway }: SafeStartAsk): Readonly<Record<string, string>> {
  const { env } = gateway.surroundings;
  const { label, profile } = gateway.installation;
  const named = carried.flatMap((key) => (env[key] === undefined ? [] : [[key, env[key]] as const]));
  const usual = profile === null ? 'ai.openclaw.gateway' : `ai.openclaw.${profile}`;
  return {
    // Its own Node first: OpenClaw looks at the first one on the PATH too.
    PATH: [dirname(node), dirname(ground.tools.launchctl), env['PATH'] ?? '', systemPath].join(':'),
    LANG: 'C',
    HOME: ground.home,
    ...Object.fromEntries(named),
    ...(profile === null ? {} : { OPENCLAW_PROFILE: profile }),
    ...(label === usual ? {} : { OPENCLAW_LAUNCHD_LABEL: label }),
  };
}

async function serves({ endpoint }: GatewayReport): Promise<boolean> {
  const { host, port, tls } = endpoint;
  const probe = createHttpProbe({ clock: systemClock(), host, port, tls, timeoutMs: healthzMs });
  try {
    return (await probe.healthz()).kind === 'live';
  } finally {
    probe.close();
  }
}
