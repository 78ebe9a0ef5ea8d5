import type { Disabled, ServiceState } from '../../core/service.ts';
import { isLoaded } from './load.ts';
import type { Step } from './steps.ts';
import type { Target, WantedCopy, WantedJob, WantedText } from './target.ts';

/** What is there now, at the places the target names. */
export interface Observed {
  /** Permission bits of a directory that exists. */
  readonly directories: ReadonlyMap<string, number>;
  /** Copies whose bytes and mode are already as wanted. */
  readonly sameCopies: ReadonlySet<string>;
  readonly texts: ReadonlyMap<string, { readonly text: string; readonly mode: number }>;
  readonly link: 'missing' | 'ours' | 'foreign';
  readonly jobs: ReadonlyMap<string, { readonly state: ServiceState; readonly disabled: Disabled }>;
}

/**
 * The steps from what is there to what is wanted; what is already as wanted gets no step, so twice is the same as
 * once. The watchdog is stopped first and started last. Files a running job may start from change only after it has
 * been unloaded, so that a rollback (last step first) brings old jobs back on old files.
 */
export function planInstall(target: Target, observed: Observed): readonly Step[] {
  const runtime = copyStep(target.runtime, observed);
  const app = copyStep(target.app, observed);
  const texts = target.texts.flatMap((text) => textStep(text, observed));
  const programChanged = runtime.length + app.length + texts.length > 0;
  const reloads = target.jobs.map((wanted) => ({
    wanted,
    plist: textStep(wanted.plist, observed),
    reload: mustReload(wanted, programChanged, observed),
  }));
  return [
    ...target.directories.flatMap((wanted) => directoryStep(wanted, observed)),
    // Its own version's folder: nothing that runs now is touched.
    ...runtime,
    ...reloads.toReversed().flatMap(({ wanted, reload }) => (reload ? unloadStep(wanted, observed) : [])),
    ...app,
    ...texts,
    ...textStep(target.config, observed),
    ...reloads.flatMap(({ plist }) => plist),
    ...linkStep(target, observed),
    ...reloads.map(({ wanted, reload }) => (reload ? loadStep(wanted, observed) : confirmStep(wanted))),
  ];
}

function directoryStep(wanted: Target['directories'][number], observed: Observed): readonly Step[] {
  const mode = observed.directories.get(wanted.path);
  const tooOpen = mode !== undefined && wanted.mode === 0o700 && (mode & 0o077) !== 0;
  return mode === undefined || tooOpen ? [{ kind: 'directory', ...wanted }] : [];
}

function copyStep(wanted: WantedCopy, observed: Observed): readonly Step[] {
  return observed.sameCopies.has(wanted.path) ? [] : [{ kind: 'copy', ...wanted }];
}

function textStep(wanted: WantedText, observed: Observed): readonly Step[] {
  const { onlyOnce, ...step } = wanted;
  const found = observed.texts.get(wanted.path);
  if (found !== undefined && (onlyOnce || (found.text === wanted.text && found.mode === wanted.mode)))
    return [];
  return [{ kind: 'write', ...step }];
}

function linkStep(target: Target, observed: Observed): readonly Step[] {
  return observed.link === 'missing' ? [{ kind: 'link', ...target.link }] : [];
}

function mustReload(wanted: WantedJob, programChanged: boolean, observed: Observed): boolean {
  const found = observed.jobs.get(wanted.label);
  if (found === undefined || !isLoaded(found.state) || textStep(wanted.plist, observed).length > 0)
    return true;
  // A job that waits for its hour reads the new program when it starts; only the long-lived one must be restarted.
  return programChanged && wanted.heartbeat !== null;
}

function unloadStep(wanted: WantedJob, observed: Observed): readonly Step[] {
  const state = observed.jobs.get(wanted.label)?.state;
  if (state === undefined || !isLoaded(state)) return [];
  const { label, plist, heartbeat } = wanted;
  const running = heartbeat !== null && state.kind !== 'stopped';
  return [{ kind: 'unload', label, plistPath: plist.path, running, why: 'it is about to be replaced' }];
}

function loadStep(wanted: WantedJob, observed: Observed): Step {
  const { label, plist, heartbeat, log } = wanted;
  const wasDisabled = observed.jobs.get(label)?.disabled === 'disabled';
  const why = heartbeat === null ? 'it starts at its hour' : 'it starts now';
  return { kind: 'load', label, plistPath: plist.path, heartbeat, log, wasDisabled, why };
}

function confirmStep({ label, heartbeat }: WantedJob): Step {
  return { kind: 'confirm', label, heartbeat, why: 'unchanged and loaded' };
}
