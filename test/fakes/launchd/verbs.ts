import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobInfo, Supervisor } from '../../../src/system/embedded/supervisor.ts';
import { parsePlist } from '../../../src/system/launchd/plist.ts';
import type { Faults } from './faults.ts';
import type { Answer } from './link.ts';
import { renderDisabled, renderDomain, renderJob, renderList, renderListed } from './render.ts';
import {
  complained,
  failure,
  help,
  noSuchDomain,
  nothing,
  said,
  textOf,
  unknownService,
  usage,
} from './texts.ts';

export interface World {
  readonly uid: number;
  readonly supervisor: Supervisor;
  readonly faults: Faults;
  /** Called after every change of the override store, which outlives the server. */
  readonly keepOverrides: () => void;
}

/** Carries out one launchctl command. */
export async function perform(world: World, argv: readonly string[]): Promise<Answer> {
  const [verb = 'help', ...args] = argv;
  switch (verb) {
    case 'managername':
      return said(`${world.faults.managerName}\n`);
    case 'error':
      return said(`${args[0] ?? ''}: ${textOf(Number(args[0]))}\n`);
    case 'help':
      return args[0] === undefined
        ? said('Usage: launchctl <subcommand> ...\n')
        : help(args[0], world.faults.bootoutWait === 'known');
    case 'load':
    case 'unload':
      return legacy(world, verb, args);
    case 'list':
      return list(world, args[0]);
    case 'print':
    case 'print-disabled':
    case 'enable':
    case 'disable':
    case 'bootstrap':
    case 'bootout':
    case 'kickstart':
    case 'kill':
      return inDomain(world, verb, args);
    default:
      return usage(verb);
  }
}

type DomainVerb =
  | 'print'
  | 'print-disabled'
  | 'enable'
  | 'disable'
  | 'bootstrap'
  | 'bootout'
  | 'kickstart'
  | 'kill';

interface Target {
  readonly domain: string;
  readonly label: string | null;
}

/** `gui/501` or `gui/501/label`; `system/label` has its label in the second place. */
function parseTarget(text: string | undefined): Target | null {
  const parts = (text ?? '').split('/');
  if (parts[0] === 'system') return { domain: 'system', label: parts[1] ?? null };
  if (parts.length < 2 || parts.length > 3 || !/^(gui|user)$/.test(parts[0] ?? '')) return null;
  return { domain: `${parts[0]}/${parts[1]}`, label: parts[2] ?? null };
}

async function inDomain(world: World, verb: DomainVerb, args: readonly string[]): Promise<Answer> {
  const { uid, faults } = world;
  const flags = args.filter((arg) => arg.startsWith('-'));
  const [first, second, ...rest] = args.filter((arg) => !arg.startsWith('-'));
  if (flags.includes('--wait') && (verb !== 'bootout' || faults.bootoutWait === 'unknown'))
    return usage(verb);
  const target = parseTarget(verb === 'kill' ? second : first);
  if (target === null) return usage(verb);
  const label = target.label ?? '';
  if (target.domain === 'system' || target.domain.startsWith('user/')) return elsewhere(verb, target);
  if (target.domain !== `gui/${uid}`) return noSuchDomain(112, Number(target.domain.slice(4)));
  if (faults.noDomain !== null) {
    return verb.startsWith('print')
      ? noSuchDomain(faults.noDomain, uid)
      : failure(verb, faults.noDomain, label);
  }
  switch (verb) {
    case 'print':
      return print(world, target.label);
    case 'print-disabled':
      return said(renderDisabled(world.supervisor.overridden(), faults.disabledFormat));
    case 'enable':
    case 'disable':
      if (target.label === null) return usage(verb);
      world.supervisor.setDisabled(label, verb === 'disable');
      world.keepOverrides();
      return nothing;
    case 'bootstrap':
      return second === undefined || rest.length > 0 ? usage(verb) : bootstrap(world, second);
    case 'bootout':
      return bootout(world, target.label ?? labelIn(second), flags.includes('--wait'));
    case 'kickstart':
      return target.label === null ? usage(verb) : kickstart(world, label, flags.join(''));
    case 'kill':
      return kill(world, label, first ?? '');
    default:
      return verb satisfies never;
  }
}

function elsewhere(verb: DomainVerb, { domain, label }: Target): Answer {
  const where = domain === 'system' ? 'system' : `user ${domain.slice(5)}`;
  if (verb === 'print')
    return complained(113, `Bad request.\nCould not find service "${label ?? ''}" in domain for ${where}\n`);
  if (verb === 'print-disabled') return said(renderDisabled(new Map(), 'words'));
  return domain === 'system'
    ? complained(1, 'Operation not permitted\n')
    : failure(verb, verb === 'bootout' ? 3 : 125, label ?? '');
}

const jobs = ({ supervisor }: World): readonly JobInfo[] =>
  supervisor.labels().flatMap((label) => supervisor.print(label) ?? []);

function print(world: World, label: string | null): Answer {
  if (label === null) return said(renderDomain(jobs(world), world.uid));
  const info = world.supervisor.print(label);
  if (info === null) return unknownService(label, world.uid, world.faults.badRequest);
  const text = renderJob(info, world.uid);
  switch (world.faults.print) {
    case 'plain':
      return said(text);
    case 'extra':
      return said(
        `warning: something new\n${text.replace('\tasid', '\tquantum flux = 7\n\tasid')}trailing = {\n\tstate = lost\n}\n`,
      );
    case 'truncated':
      return said(text.slice(0, text.indexOf('\tinherited environment')));
    case 'noise':
      return said('\u0000\u0001 segmentation of the third kind\n');
    default:
      return world.faults.print satisfies never;
  }
}

async function bootstrap({ supervisor, faults }: World, path: string): Promise<Answer> {
  if (faults.btmBlocked) return nothing;
  const outcome = await supervisor.bootstrap(path);
  return outcome.kind === 'done'
    ? nothing
    : failure('bootstrap', faults.richErrors ? (outcome.code ?? 5) : 5, '');
}

async function bootout(world: World, label: string | null, wait: boolean): Promise<Answer> {
  const { supervisor, faults } = world;
  const leaving = (label === null ? supervisor.labels() : [label]).map((each) => supervisor.bootout(each));
  if (leaving.includes(null)) return failure('bootout', 3, label ?? '');
  const gone = Promise.all(leaving.map((each) => each?.gone));
  if (wait) await gone;
  else {
    // A job without a process is gone before launchctl returns; one with a process never is.
    await Promise.race([gone, sleep(1)]);
    const stopping = label !== null && supervisor.print(label) !== null;
    if (stopping && faults.bootoutCode !== 0) return failure('bootout', faults.bootoutCode, label);
  }
  return nothing;
}

async function kickstart(world: World, label: string, flags: string): Promise<Answer> {
  const { supervisor, faults } = world;
  const before = supervisor.print(label);
  if (before === null) return unknownService(label, world.uid, faults.badRequest);
  const kill = flags.includes('k');
  const refused = (code: number) => failure('kickstart', code, label);
  if (before.state === 'spawn scheduled' && faults.scheduledKickstart === 36) return refused(36);
  if (before.state === 'running' && !kill && faults.runningKickstart === 37) return refused(37);
  let reply = await supervisor.kickstart(label, { kill });
  if (kill && faults.doubleStart && before.job.keepAlive !== false && reply.kind === 'done') {
    reply = await supervisor.kickstart(label, { kill });
  }
  if (reply.kind === 'failed') return refused(reply.code ?? 5);
  return flags.includes('p') && reply.pid !== null ? said(`${reply.pid}\n`) : nothing;
}

function kill({ supervisor, faults, uid }: World, label: string, signal: string): Answer {
  if (supervisor.print(label) === null) return unknownService(label, uid, faults.badRequest);
  const name = `SIG${signal.replace(/^SIG/, '')}`;
  return supervisor.signal(label, name as NodeJS.Signals) ? nothing : failure('kill', 3, label);
}

function list(world: World, label: string | undefined): Answer {
  if (label === undefined) return said(renderList(jobs(world)));
  const info = world.supervisor.print(label);
  return info === null
    ? complained(113, `Could not find service "${label}" in domain for port\n`)
    : said(renderListed(info));
}

/** The exit code is 0 whatever happened. */
async function legacy(world: World, verb: 'load' | 'unload', args: readonly string[]): Promise<Answer> {
  const path = args.find((arg) => !arg.startsWith('-'));
  const label = labelIn(path);
  if (args.includes('-w') && label !== null) {
    world.supervisor.setDisabled(label, verb === 'unload');
    world.keepOverrides();
  }
  if (verb === 'unload') {
    const leaving = label === null ? null : world.supervisor.bootout(label);
    return leaving === null ? { ...nothing, stderr: 'Unload failed: 5: Input/output error\n' } : nothing;
  }
  const outcome = await world.supervisor.bootstrap(path ?? '');
  return outcome.kind === 'done' ? nothing : { ...nothing, stderr: 'Load failed: 5: Input/output error\n' };
}

/** The label of the plist at a path; an unreadable one names a label nobody has. */
function labelIn(path: string | undefined): string | null {
  if (path === undefined) return null;
  try {
    const parsed = parsePlist(readFileSync(path, 'utf8'));
    return parsed.kind === 'ok' ? parsed.job.label : '';
  } catch {
    // The caller answers as launchctl does for a job that is not there.
    return '';
  }
}
