import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { UpdateEvidence } from '../core/evidence.ts';
import { isStartedByUs } from './config-writers.ts';
import { isUpdater, type ListProcesses, type LiveProcess } from './live-processes.ts';

interface WorkAsk {
  readonly processes: ListProcesses;
  /** What OpenClaw's own marks say of an update; absent where nobody reads them. */
  readonly update?: () => Promise<UpdateEvidence>;
}

/**
 * Names who may be changing the installed package now, in words without arguments (they may hold a secret); null when
 * nobody is. Whoever cannot be told counts as somebody. A package manager that we started ourselves, to fetch files into
 * a staging folder, is none.
 */
export async function findPackageWork({ processes, update }: WorkAsk): Promise<string | null> {
  let rows: readonly LiveProcess[];
  try {
    rows = await processes();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `it cannot be told whether a package manager is at work: ${why}`;
  }
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  for (const row of rows) {
    const what = workOf(row);
    if (what === null || isStartedByUs(row, byPid)) continue;
    return `process ${row.pid} (${what}) may be changing the package`;
  }
  const marks = (await update?.()) ?? { kind: 'none' };
  switch (marks.kind) {
    case 'running':
      return `an update of OpenClaw is running (${marks.marker})`;
    case 'unknown':
      return `whether an update of OpenClaw is running cannot be told: ${marks.because}`;
    case 'none':
    case 'stale':
      return null;
    default:
      return marks satisfies never;
  }
}

/** Somebody at work ends some day; what nobody can tell may stay so until a person looks at it. */
export const isDoubt = (work: string): boolean => work.includes('cannot be told');

const managerName = /(?:^|[\s/])(npm|pnpm|yarn|bun)(?:-cli)?(?:\.[cm]?js)?(?=\s)(.*)$/;
/** What `isUpdater` does not count: it judges half a package, and these leave less than half. */
const removing = /\s(?:uninstall|remove|rm|un|unlink|link|prune|dedupe)(?:\s|$)/;

function workOf(row: LiveProcess): string | null {
  const [, manager, words = ''] = managerName.exec(row.command) ?? [];
  if (isUpdater(row)) return manager === undefined ? 'openclaw update' : `${manager} install`;
  if (manager !== undefined && removing.test(words)) return `${manager} at work on installed packages`;
  return brewWork(row.command);
}

const brewCommand =
  /(?:^|[\s/])brew(?:\.rb|\.sh)?\s+(?:-\S+\s+)*(install|upgrade|reinstall|postinstall)(?=\s|$)(.*)$/;
/** Homebrew's own helpers name the formula by its file. */
const brewHelper = /\/Homebrew\/(?:\S*\/)?(?:build|postinstall)\.rb\s(.*)$/;
const concerns = /(?:^|[\s/])(?:node|openclaw)(?:@[\w.]+)?(?:\.rb)?(?=\s|$)/;

/** Node is replaced under the gateway by an upgrade of everything, too; another formula is none of our business. */
function brewWork(command: string): string | null {
  const [, verb, words = ''] = brewCommand.exec(command) ?? [];
  if (verb !== undefined) {
    const named = words.split(/\s+/).some((word) => word !== '' && !word.startsWith('-'));
    return concerns.test(words) || (!named && verb === 'upgrade') ? `brew ${verb}` : null;
  }
  const formula = brewHelper.exec(command)?.[1];
  return formula !== undefined && concerns.test(formula) ? 'brew at work on node or openclaw' : null;
}

/** Where Node's own distributions, Homebrew's and version managers' keep the npm that came with a Node. */
const npmPlaces = ['lib/node_modules', 'libexec/lib/node_modules'].map((place) =>
  join('..', place, 'npm', 'bin', 'npm-cli.js'),
);

/** The npm beside this Node; null where there is none: another Node's may put other files there. */
export function findNpm(node: string): string | null {
  const own = dirname(node);
  const real = dirname(resolved(node) ?? node);
  const beside = [own, real].flatMap((directory) => npmPlaces.map((place) => join(directory, place)));
  const command = resolved(join(own, 'npm'));
  const named = command !== null && basename(command) === 'npm-cli.js' ? [command] : [];
  return [...beside, ...named].find((path) => statSync(path, { throwIfNoEntry: false })?.isFile()) ?? null;
}

function resolved(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    // Not there, or closed to us: then it cannot be started either.
    return null;
  }
}
