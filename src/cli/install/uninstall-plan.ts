import { basename } from 'node:path';
import type { Paths } from '../../config/paths.ts';
import { allJobs, labelOf } from './names.ts';
import type { Step } from './steps.ts';
import { plistPathOf } from './target.ts';

export interface UninstallRequest {
  readonly paths: Paths;
  readonly purge: boolean;
  readonly link: 'missing' | 'ours' | 'foreign';
  /** Which of the paths that would be removed exist. */
  readonly exists: (path: string) => boolean;
  /** Labels launchd knows now. */
  readonly loaded: ReadonlySet<string>;
  /** Labels with a "disabled" in launchd's store. */
  readonly disabled: ReadonlySet<string>;
}

/** Only a folder of our own name is ever removed whole: the two variables that move it may name any folder. */
const ownName = 'openclaw-immune';

/** Everything uninstalling may remove; the same list says what to look for. */
export function removable(
  paths: Paths,
  purge: boolean,
): readonly { readonly path: string; readonly why: string }[] {
  return [
    ...allJobs.map((job) => ({ path: plistPathOf(paths, job), why: `LaunchAgent ${labelOf(job)}` })),
    { path: paths.bin, why: 'the launchers' },
    { path: paths.app, why: 'the program' },
    { path: paths.runtime, why: 'its Node' },
    ...(purge ? [paths.data, paths.logs].filter(isOwn).map((path) => ({ path, why: '--purge' })) : []),
  ];
}

const isOwn = (path: string): boolean => basename(path) === ownName;

/** What `--purge` was asked for but leaves, because the folder does not bear our name. */
export function notPurged(paths: Paths): readonly string[] {
  return [paths.data, paths.logs].filter((path) => !isOwn(path));
}

/** The watchdog goes first, so that nobody starts a job that is being removed; files go after the jobs. */
export function planUninstall(request: UninstallRequest): readonly Step[] {
  const { paths, link, exists, loaded, disabled } = request;
  const jobs = allJobs.toReversed();
  const unloads: readonly Step[] = jobs
    .filter((job) => loaded.has(labelOf(job)))
    .map((job) => ({
      kind: 'unload',
      label: labelOf(job),
      plistPath: plistPathOf(paths, job),
      running: false,
      why: 'it is being removed',
    }));
  // launchd keeps a "disabled" for ever, even for a job that is gone: a later installation would not start.
  const enables: readonly Step[] = jobs
    .filter((job) => disabled.has(labelOf(job)))
    .map((job) => ({ kind: 'enable', label: labelOf(job), why: 'so that no old "disabled" stays behind' }));
  const unlink: readonly Step[] =
    link === 'ours' ? [{ kind: 'remove', path: paths.link, why: 'the command' }] : [];
  const removals: readonly Step[] = removable(paths, request.purge)
    .filter(({ path }) => exists(path))
    .map(({ path, why }) => ({ kind: 'remove', path, why }));
  return [...unloads, ...unlink, ...removals, ...enables];
}

const secrets = 'whole configs of the gateway, with the secrets in them';

/** What stays without `--purge`, where it is there, for the last words; `holds` is what nobody should overlook. */
export const kept = (paths: Paths): readonly { readonly path: string; readonly holds: string | null }[] => [
  { path: paths.config, holds: null },
  { path: paths.state, holds: secrets },
  { path: paths.configBackup, holds: secrets },
  { path: paths.quarantine, holds: secrets },
  { path: paths.archives, holds: null },
  { path: paths.alertFile, holds: null },
  { path: paths.logs, holds: null },
];
