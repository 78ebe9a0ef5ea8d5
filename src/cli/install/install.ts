import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadSettings } from '../../config/settings.ts';
import { UserError } from '../../core/errors.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { managerName } from '../../system/launchd/door.ts';
import { configFor, configNotes } from './config.ts';
import { exists, type Ground, type InstallerDeps, standGround } from './context.ts';
import { findGateway, renderConfig } from './gateway.ts';
import { factsFor } from './lifeboat.ts';
import { observeTarget } from './observe.ts';
import { type PlanOutcome, performPlan } from './perform.ts';
import { type Observed, planInstall } from './plan.ts';
import { renderPlan, renderProgress } from './render.ts';
import { planSafeStart } from './safe-start-plan.ts';
import type { Step } from './steps.ts';
import { lastWords } from './summary.ts';
import { describeTarget, lifeboatOf, type Source, safeStartTemplateOf, sourceOf } from './target.ts';
import { missingTools } from './tools.ts';

export interface InstallOptions {
  readonly dryRun: boolean;
  readonly observe: boolean;
  /** Also have OpenClaw start the gateway through our wrapper; without it that stays as it is. */
  readonly safeStart?: boolean;
}

/** `immune install`. Answers the exit code; refusals and failures are UserErrors. */
export async function runInstall(options: InstallOptions, deps: InstallerDeps): Promise<number> {
  const ground = await standGround('install', deps, options);
  const source = sourceOf(deps.entry);
  await requireSource(source, options.dryRun);
  const { settings } = configFor(await loadSettings(ground.paths.config, readIfExists));
  const gateway = await findGateway(ground, { env: deps.env, known: settings?.gateway ?? null });
  const safeStartTemplate = await readFile(safeStartTemplateOf(source), 'utf8');
  const target = describeTarget({
    home: ground.home,
    paths: ground.paths,
    bundle: source.bundle,
    launcherTemplate: await readFile(source.template, 'utf8'),
    safeStartTemplate,
    lifeboat: {
      script: await readFile(lifeboatOf(source), 'utf8'),
      facts: await factsFor({ ground, gateway, settings, deps, source }),
    },
    node: deps.node,
    configText: renderConfig(ground, gateway, options.observe ? 'observe' : 'act'),
    plutil: ground.tools.plutil,
  });
  const observed = await observeTarget(target, ground.service.manager);
  const safeStart = await planSafeStart({
    ground,
    gateway,
    uid: deps.uid,
    wanted: options.safeStart === true,
    template: safeStartTemplate,
  });
  const notes = [
    ...ground.notes,
    ...(options.dryRun ? [] : refuseWithoutLaunchd(observed, deps.uid)),
    ...(await sessionNotes(ground, deps)),
    ...(settings === null
      ? missingTools(ground.tools)
      : await configNotes(settings, {
          observe: options.observe,
          tools: ground.tools,
          path: ground.paths.config,
        })),
    ...(observed.link === 'foreign'
      ? [
          `${target.link.path} exists and is not ours, so it stays as it is; the command is ${target.link.target}`,
        ]
      : []),
    ...safeStart.notes,
  ];
  // Last: the watchdog is there when the gateway restarts.
  const steps = [...planInstall(target, observed), ...safeStart.steps];
  const words = { launchctl: ground.tools.launchctl, uid: deps.uid };
  gateway.lines.forEach(deps.say);
  for (const note of notes) deps.say(`  note     ${note}`);
  if (options.dryRun) {
    deps.say('Would do, in this order; nothing has been changed:');
    renderPlan(steps, words).forEach(deps.say);
    return 0;
  }
  const outcome = await performPlan(steps, {
    run: deps.run,
    service: ground.service,
    about: (step) => deps.say(renderProgress(step, ground.home)),
    ...(deps.signal === undefined ? {} : { signal: deps.signal }),
  });
  if (outcome.kind === 'failed') throw installFailed(outcome, ground, deps);
  const mode = settings?.mode ?? (options.observe ? 'observe' : 'act');
  const linked = observed.link !== 'foreign';
  const alerts = (settings?.alerts.channels.length ?? 0) > 0;
  lastWords({ target, ground, mode, linked, alerts, path: deps.env['PATH'] }).forEach(deps.say);
  return 0;
}

async function requireSource(source: Source, dryRun: boolean): Promise<void> {
  const templates = [source.template, safeStartTemplateOf(source), lifeboatOf(source)];
  const wanted = dryRun ? templates : [...templates, source.bundle];
  for (const path of wanted) {
    if (await exists(path)) continue;
    throw new UserError('source', `there is nothing to install from: ${path} is missing`, {
      hint: 'in a checkout: ./install.sh',
      exitCode: 4,
    });
  }
}

/** Without a launchd that answers for this user nothing could be loaded, so nothing is begun. */
function refuseWithoutLaunchd(observed: Observed, uid: number): readonly string[] {
  for (const { state } of observed.jobs.values()) {
    if (state.kind === 'no-domain') {
      throw new UserError('no-domain', `nothing has been installed: ${state.because}`, {
        hint: 'log in on the Mac itself (or switch on automatic login) and run this again in a Terminal there',
        exitCode: 4,
      });
    }
    if (state.kind === 'unknown') {
      throw new UserError('launchd', `nothing has been installed: ${state.because}`, {
        hint: `launchctl print gui/${uid}`,
        exitCode: 4,
      });
    }
  }
  return [];
}

async function sessionNotes(ground: Ground, deps: InstallerDeps): Promise<readonly string[]> {
  const session = await managerName({ launchctl: ground.tools.launchctl, run: deps.run });
  if (session === 'Aqua') return [];
  return [
    `this is not a desktop session (launchctl managername: ${session}). Jobs loaded from here may not be started again by launchd after they end; run this once more in a Terminal on the Mac's own screen`,
  ];
}

function installFailed(
  outcome: Extract<PlanOutcome, { kind: 'failed' }>,
  ground: Ground,
  deps: InstallerDeps,
): UserError {
  const rest =
    outcome.left.length === 0
      ? 'Everything is back as it was before.'
      : `Put back, but not all of it: ${outcome.left.join(' ')}`;
  return new UserError('install', `the installation failed: ${outcome.because} ${rest}`, {
    hint: nextCommand(outcome.step, ground, deps.uid),
    exitCode: deps.signal?.aborted === true ? 130 : 3,
  });
}

function nextCommand(step: Step, ground: Ground, uid: number): string {
  switch (step.kind) {
    case 'directory':
    case 'copy':
    case 'write':
    case 'link':
    case 'remove':
      return `ls -ld '${dirname(step.path)}' (it must belong to you), df -h '${ground.home}', then install again`;
    case 'unload':
    case 'load':
    case 'confirm':
    case 'enable':
      return `launchctl print gui/${uid}/${step.label}, mend what it shows, then install again`;
    case 'hook':
    case 'unhook':
      return 'immune install (the same without safe start)';
    default:
      return step satisfies never;
  }
}
