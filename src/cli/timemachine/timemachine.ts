import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { loadSettings } from '../../config/settings.ts';
import { UserError } from '../../core/errors.ts';
import { type Instant, type Millis, since } from '../../core/time.ts';
import { spell } from '../../core/words.ts';
import { sightGateway } from '../../daemon/gateway-sight.ts';
import { findInstallation } from '../../gateway/installation.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { parsePlist } from '../../system/launchd/plist.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { clockTime } from '../status/words.ts';
import { askTmutil, type Found, tmutilMs } from './ask.ts';
import { type TimeMachinePlace, timeMachinePlan } from './plan.ts';
import type { LocalSnapshot } from './text.ts';

/** A screen; `--json` has all of them. */
const maxShown = 40;
/** Above a path that is gone: no real one is deeper. */
const maxParents = 64;

const instead = [
  'immune snapshots (the recorded configs; "immune fix-config" restores one)',
  'immune archives (of the package; "immune fix-deps" restores from them)',
] as const;

/** `immune timemachine`: 0 when there are local snapshots, else 3. Mounts nothing and changes nothing. */
export async function runTimemachine(
  { json }: { readonly json: boolean },
  context: Context,
  withinMs: Millis = tmutilMs,
): Promise<number> {
  const loaded = await loadSettings(context.paths.config, readIfExists);
  const settings = loaded.kind === 'ok' ? loaded.settings : null;
  const found = await askTmutil(settings?.tools.tmutil ?? null, { context, withinMs, json });
  if (context.signal.aborted)
    throw new UserError('interrupted', 'interrupted: nothing was changed', {
      hint: 'immune timemachine',
      exitCode: exitCodes.interrupted,
    });
  const snapshots = found.kind === 'listed' ? found.snapshots : [];
  const place = (): TimeMachinePlace => ({
    ...(settings === null ? guessed(context) : recorded(settings, context)),
    folder: join(context.paths.data, 'timemachine'),
    uid: context.uid,
  });
  const because =
    found.kind === 'listed'
      ? `${found.snapshots.length} local ${found.snapshots.length === 1 ? 'snapshot' : 'snapshots'} of Time Machine`
      : found.because;
  const now = context.clock.now();
  const text = json
    ? `${JSON.stringify(asJson({ outcome: found.kind, because, snapshots, now }, place), null, 2)}\n`
    : asText({ because, snapshots, now }, place);
  context.out.write(text);
  return found.kind === 'listed' ? exitCodes.ok : exitCodes.unhealthy;
}

type Sought = Pick<TimeMachinePlace, 'configPath' | 'packageRoot' | 'version' | 'label'>;
type Known = Parameters<typeof sightGateway>[0];

function recorded(settings: Known, { uid }: Context): Sought {
  const { ground } = sightGateway(settings, uid);
  const { configPath, packageRoot, version, label } = ground;
  return {
    configPath: resolved(configPath),
    packageRoot: packageRoot && resolved(packageRoot),
    version,
    label,
  };
}

/** Our own settings may be what is lost: OpenClaw's plist and its usual places tell as much. */
function guessed({ env, paths, layout }: Context): Sought {
  const launchAgentsDir = layout === 'macos' ? paths.launchAgents : null;
  const { installation } = findInstallation({ home: homedir(), env, launchAgentsDir, parsePlist });
  const { configPath, packageRoot, version, label } = installation;
  return {
    configPath: resolved(configPath),
    packageRoot: packageRoot && resolved(packageRoot),
    version,
    label,
  };
}

/** Without links, as far as it is still there: a snapshot knows where things lay, and not what links to them today. */
function resolved(path: string): string {
  let gone = '';
  let here = path;
  for (let n = 0; n < maxParents; n += 1) {
    try {
      return join(realpathSync(here), gone);
    } catch {
      // Not there any more, which is why somebody looks for it in a snapshot: its folder may be.
      if (dirname(here) === here) return path;
      gone = join(basename(here), gone);
      here = dirname(here);
    }
  }
  return path;
}

interface Told {
  readonly because: string;
  readonly snapshots: readonly LocalSnapshot[];
  readonly now: Instant;
}

function asJson(
  { outcome, because, snapshots, now }: Told & { readonly outcome: Found['kind'] },
  place: () => TimeMachinePlace,
): object {
  const where = snapshots.length === 0 ? null : place();
  return {
    version: 1,
    outcome,
    because,
    next: snapshots.length > 0 ? null : 'immune snapshots',
    exitCode: snapshots.length > 0 ? exitCodes.ok : exitCodes.unhealthy,
    snapshots: snapshots.map((snapshot) => ({
      name: snapshot.name,
      at: new Date(snapshot.at).toISOString(),
      ageMs: since(snapshot.at, now),
      steps: where === null ? [] : timeMachinePlan(snapshot, where),
    })),
    instead: snapshots.length > 0 ? [] : instead,
  };
}

function asText({ because, snapshots, now }: Told, place: () => TimeMachinePlace): string {
  const [newest] = snapshots;
  if (newest === undefined) return [because, ...instead.map((each) => `  next: ${each}`), ''].join('\n');
  const lines = [
    `${because}, newest first:`,
    ...snapshots
      .slice(0, maxShown)
      .map((each) => `  ${each.name}  ${clockTime(each.at)}, ${ageOf(each, now)}`),
    ...(snapshots.length > maxShown ? [`  and ${snapshots.length - maxShown} older ones`] : []),
    '',
    'Before you take one: "immune fix-config" and "immune fix-deps" need no administrator, and prove what they restore.',
    `The commands for the newest; for an older one put its name in place of ${newest.name}.`,
  ];
  const blocks = timeMachinePlan(newest, place()).flatMap(({ what, commands }) => [
    '',
    `${what}:`,
    ...commands.map((command) => `  ${command}`),
  ]);
  const notes = [
    '',
    '"Operation not permitted": give the terminal Full Disk Access (System Settings, Privacy & Security);',
    'over ssh: Sharing, Remote Login, "Allow full disk access for remote users".',
    '',
  ];
  return [...lines, ...blocks, ...notes].join('\n');
}

const ageOf = ({ at }: LocalSnapshot, now: Instant): string =>
  at > now ? 'in the future by the clock of this machine' : `${spell(since(at, now))} ago`;
