import { basename, dirname, join } from 'node:path';
import type { Paths } from '../../config/paths.ts';
import { UserError } from '../../core/errors.ts';
import { lifeboatFactsIn } from '../../daemon/lifeboat-facts.ts';
import { buildPlist, parsePlist } from '../../system/launchd/plist.ts';
import { type Launcher, renderLauncher } from './launchers.ts';
import { allJobs, commandOf, definitionOf, type JobName, labelOf, launcherOf } from './names.ts';
import { stagedFile } from './steps.ts';

export interface WantedCopy {
  readonly from: string;
  readonly path: string;
  readonly mode: number;
  readonly smoke: readonly string[];
  readonly why: string;
}

export interface WantedText {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  readonly lint: readonly string[] | null;
  readonly why: string;
  /** The operator's own file: written once, never again. */
  readonly onlyOnce: boolean;
}

export interface WantedJob {
  readonly job: JobName;
  readonly label: string;
  readonly plist: WantedText;
  readonly heartbeat: string | null;
  readonly log: string;
}

/** Everything that is there after an installation. */
export interface Target {
  readonly directories: readonly { readonly path: string; readonly mode: number; readonly why: string }[];
  readonly runtime: WantedCopy;
  readonly app: WantedCopy;
  readonly texts: readonly WantedText[];
  readonly config: WantedText;
  readonly link: { readonly path: string; readonly target: string; readonly why: string };
  readonly jobs: readonly WantedJob[];
}

export interface TargetRequest {
  readonly home: string;
  readonly paths: Paths;
  readonly bundle: string;
  /** The launcher template's text; the installed copy keeps it to be able to install itself again. */
  readonly launcherTemplate: string;
  readonly safeStartTemplate: string;
  readonly lifeboat: { readonly script: string; readonly facts: string };
  readonly node: { readonly path: string; readonly version: string };
  readonly configText: string;
  readonly plutil: string | null;
}

const templateName = 'launcher.sh.template';
const safeStartName = 'safe-start.sh';
const lifeboatName = 'lifeboat.sh';

/** Beside the launcher's template, in a checkout and in an installed copy. */
export const safeStartTemplateOf = (source: Source): string => join(dirname(source.template), safeStartName);

export const lifeboatOf = (source: Source): string => join(dirname(source.template), lifeboatName);

/** Our copy of Node and our program, once installed. */
export function runtimeOf(
  paths: Paths,
  nodeVersion: string,
): { readonly node: string; readonly app: string } {
  return {
    node: join(paths.runtime, `node-${nodeVersion}`, 'node'),
    app: join(paths.app, 'immune.mjs'),
  };
}

export function describeTarget(request: TargetRequest): Target {
  const { paths } = request;
  const { node, app } = runtimeOf(paths, request.node.version);
  const templates = join(paths.app, 'launchd');
  const ours = (path: string, why: string) => ({ path, mode: 0o700, why });
  const lifeboat = join(paths.bin, lifeboatName);
  const launcher = (
    name: string,
    { title, flags, words }: Pick<Launcher, 'title' | 'flags' | 'words'>,
  ): WantedText => {
    const stamp = join(paths.state, 'runtime-works');
    const places = { dataDir: paths.data, logsDir: paths.logs, node, app, stamp, lifeboat };
    const script = renderLauncher(request.launcherTemplate, { title, flags, words, ...places });
    return text(join(paths.bin, name), script, { mode: 0o700, why: title });
  };
  return {
    directories: [
      ours(paths.data, 'all of ours but the logs'),
      ours(paths.runtime, 'our own copies of Node'),
      ours(dirname(node), 'this version of Node'),
      ours(paths.app, 'the program'),
      ours(templates, 'its templates'),
      ours(paths.bin, 'what launchd and you start'),
      ours(paths.state, 'what the watchdog remembers'),
      ours(paths.logs, 'shown by Console.app'),
      { path: paths.launchAgents, mode: 0o755, why: 'where launchd looks at login' },
      { path: dirname(paths.link), mode: 0o755, why: 'for the command' },
    ],
    runtime: {
      from: request.node.path,
      path: node,
      mode: 0o700,
      smoke: [stagedFile, '--version'],
      why: 'the watchdog must not depend on a Node somebody may upgrade or remove',
    },
    app: {
      from: request.bundle,
      path: app,
      mode: 0o600,
      smoke: [node, stagedFile, '--version'],
      why: 'the program, one file',
    },
    texts: [
      text(join(templates, templateName), request.launcherTemplate, { mode: 0o600, why: 'to install again' }),
      text(join(templates, safeStartName), request.safeStartTemplate, {
        mode: 0o600,
        why: 'for "immune install --safe-start"',
      }),
      text(join(templates, lifeboatName), request.lifeboat.script, { mode: 0o600, why: 'to install again' }),
      // Before the launchers, which fall to it.
      text(lifeboatFactsIn(paths), request.lifeboat.facts, {
        mode: 0o600,
        why: 'what the lifeboat knows of the gateway',
      }),
      text(lifeboat, request.lifeboat.script, { mode: 0o700, why: 'for the day when no Node can run' }),
      launcher('immune', { title: 'The command of openclaw-immune', flags: [], words: [] }),
      ...allJobs.map((job) => launcher(launcherOf(job), commandOf(job))),
    ],
    config: {
      ...text(paths.config, request.configText, {
        mode: 0o600,
        why: 'your settings, with a comment at each',
      }),
      onlyOnce: true,
    },
    link: { path: paths.link, target: immuneLink(paths), why: 'the command "immune"' },
    jobs: allJobs.map((job) => wantedJob(job, request)),
  };
}

function text(
  path: string,
  content: string,
  rest: { readonly mode: number; readonly why: string },
): WantedText {
  return { path, text: content, mode: rest.mode, lint: null, why: rest.why, onlyOnce: false };
}

function wantedJob(job: JobName, request: TargetRequest): WantedJob {
  const { home, paths, plutil } = request;
  const label = labelOf(job);
  const definition = definitionOf(job, { home, dataDir: paths.data, logsDir: paths.logs });
  const path = plistPathOf(paths, job);
  const content = buildPlist(definition);
  const readBack = parsePlist(content);
  // A home with a character that XML cannot carry would give a plist that launchd reads differently, or not at all.
  if (readBack.kind === 'invalid' || readBack.job.environmentVariables['HOME'] !== home) {
    throw new UserError('plist', `the home ${JSON.stringify(home)} cannot be written into a LaunchAgent`, {
      hint: 'use a home directory without control characters in its name',
      exitCode: 4,
    });
  }
  const plist: WantedText = {
    // launchd refuses a plist others may write to; reading it tells nothing, so it is like every other one there.
    ...text(path, content, { mode: 0o644, why: `LaunchAgent ${label}` }),
    lint: plutil === null ? null : [plutil, '-lint', path],
  };
  const heartbeat = job === 'watchdog' ? join(paths.state, 'status.json') : null;
  return { job, label, plist, heartbeat, log: definition.standardErrorPath ?? paths.logs };
}

/** Where the link on the operator's PATH leads. */
export const immuneLink = (paths: Paths): string => join(paths.bin, 'immune');

export const plistPathOf = (paths: Paths, job: JobName): string =>
  join(paths.launchAgents, `${labelOf(job)}.plist`);

/** Where an installation finds its own parts: a checkout, or an installed copy installing itself again. */
export interface Source {
  readonly bundle: string;
  readonly template: string;
}

/** `entry` is the program now running: `app/immune.mjs` when installed, `dist/immune.mjs` or `src/main.ts` in a checkout. */
export function sourceOf(entry: string): Source {
  const folder = dirname(entry);
  if (basename(folder) === 'app') return { bundle: entry, template: join(folder, 'launchd', templateName) };
  const checkout = dirname(folder);
  return {
    bundle: join(checkout, 'dist', 'immune.mjs'),
    template: join(checkout, 'launchd', templateName),
  };
}
