import { lstat } from 'node:fs/promises';
import type { Paths } from '../../config/paths.ts';
import { loadSettings } from '../../config/settings.ts';
import { UserError } from '../../core/errors.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { type InstallerDeps, standGround } from './context.ts';
import { findGateway } from './gateway.ts';
import { isLoaded } from './load.ts';
import { allJobs, labelOf } from './names.ts';
import { observeLink } from './observe.ts';
import { performAll } from './perform.ts';
import { renderPlan, renderProgress } from './render.ts';
import { planUnhook } from './safe-start-plan.ts';
import { immuneLink } from './target.ts';
import { kept, notPurged, planUninstall, removable } from './uninstall-plan.ts';

/** `immune uninstall`. Answers the exit code; refusals are UserErrors. */
export async function runUninstall(
  options: { readonly purge: boolean; readonly dryRun: boolean },
  deps: InstallerDeps,
): Promise<number> {
  const { say } = deps;
  const ground = await standGround('uninstall', deps, options);
  const { paths, tools, service } = ground;
  const loaded = new Set<string>();
  const disabled = new Set<string>();
  for (const label of allJobs.map(labelOf)) {
    const state = await service.manager.read(label);
    // A launchd that does not answer would be left with jobs whose program is gone.
    if (state.kind === 'unknown') {
      throw new UserError('launchd', `nothing has been removed: ${state.because}`, {
        hint: `${tools.launchctl} print gui/${deps.uid}/${label}`,
        exitCode: 3,
      });
    }
    if (isLoaded(state)) loaded.add(label);
    if ((await service.manager.readDisabled(label)) === 'disabled') disabled.add(label);
  }
  const present = new Set<string>();
  for (const { path } of removable(paths, options.purge)) if (await isThere(path)) present.add(path);
  const link = await observeLink(paths.link, immuneLink(paths));
  const loadedSettings = await loadSettings(paths.config, readIfExists);
  const known = loadedSettings.kind === 'ok' ? loadedSettings.settings.gateway : null;
  const gateway = await findGateway(ground, { env: deps.env, known });
  const unhook = planUnhook({ ground, gateway, uid: deps.uid });
  const plan = planUninstall({
    paths,
    purge: options.purge,
    link,
    exists: (path) => present.has(path),
    loaded,
    disabled,
  });
  // After the watchdog: it would take the gateway's restart for an outage.
  const ourJobs = plan.filter(({ kind }) => kind === 'unload');
  const steps = [...ourJobs, ...unhook, ...plan.filter(({ kind }) => kind !== 'unload')];

  const words = { launchctl: tools.launchctl, uid: deps.uid };
  ground.notes.forEach(say);
  if (options.dryRun) {
    say(steps.length === 0 ? 'Nothing is installed.' : 'Would do, in this order; nothing has been changed:');
    renderPlan(steps, words).forEach(say);
    return 0;
  }
  const problems = await performAll(steps, {
    run: deps.run,
    service,
    about: (step) => say(renderProgress(step, ground.home)),
  });
  if (problems.length > 0) {
    throw new UserError('uninstall', `not everything could be removed: ${problems.join(' ')}`, {
      hint: 'mend that, then again: immune uninstall (or ./install.sh --uninstall)',
      exitCode: 3,
    });
  }
  const restarted = unhook.some(({ kind }) => kind === 'unhook');
  const rest = restarted
    ? 'the gateway was restarted once, without our wrapper'
    : 'the gateway was not touched';
  say(steps.length === 0 ? 'Nothing is installed.' : `openclaw-immune is removed; ${rest}.`);
  if (link === 'foreign') say(`${paths.link} is not ours and stays.`);
  if (options.purge) {
    for (const path of notPurged(paths))
      say(`${path} was not removed, because it is not named after us; remove it by hand.`);
  } else {
    (await keptWords(paths)).forEach(say);
  }
  return 0;
}

async function keptWords(paths: Paths): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { path, holds } of kept(paths))
    if (await isThere(path)) lines.push(`  ${path}${holds === null ? '' : `  (${holds})`}`);
  if (lines.length === 0) return [];
  const purge = './install.sh --uninstall --purge';
  return [`These stay, readable for this user alone; to remove them too: ${purge}`, ...lines];
}

/** Of the name itself: a symbolic link that leads nowhere is there too. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    // Whatever the reason, there is nothing we could remove.
    return false;
  }
}
