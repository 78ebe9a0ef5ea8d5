import type { Settings } from '../config/settings.ts';
import type { DependencyEvidence } from '../core/ground-evidence.ts';
import type { ActionOutcome } from '../core/state.ts';
import type { Millis } from '../core/time.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import { handsOn, openPackages, type PackageParts, type Packages } from '../daemon/open-packages.ts';
import { nextRepairId } from '../daemon/package-hands.ts';
import { readDependencies } from '../gateway/dependencies.ts';
import { listerOf } from '../gateway/live-processes.ts';
import { planReinstall } from '../probes/plan-reinstall.ts';
import type { ReinstallOutcome } from '../probes/reinstall-parts.ts';
import { finishRepairs } from '../repairs/finish-repairs.ts';
import { run } from '../system/run.ts';
import {
  type PackagePlan,
  packagePlansIn,
  sweepPackagePlans,
  type WrittenPackagePlan,
  writePackagePlan,
} from '../vault/package-plans.ts';
import type { Context } from './context.ts';
import { type DamagedPart, damagedParts } from './damage.ts';
import { underLease } from './own-hands.ts';
import { launchdOf, openWorkshop, type Workshop } from './workshop.ts';

/** What the command works with. */
export interface PackageShop {
  readonly installed: { readonly root: string | null; readonly version: string | null };
  look(how: {
    readonly network: boolean;
    readonly signal: AbortSignal;
    /** Nobody asked: within the bounds of the watchdog, and without hashing what has its size and time. */
    readonly unattended?: boolean;
  }): Promise<PackageLook>;
  /** Durable: the watchdog is only told its name. */
  stage(plan: PackagePlan): Promise<WrittenPackagePlan>;
  /** How long one repair may take. */
  readonly repairWithinMs: Millis;
  /** By our own hands, with the lease held: finishes what was interrupted, then carries out the plan. */
  mend(
    planId: string,
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly outcome: ActionOutcome }>;
}

/** How the installed package stands, and what could be done about it. */
export type PackageLook =
  | { readonly kind: 'sound'; readonly because: string }
  /** It could not be told; nothing is done on a guess. */
  | { readonly kind: 'unknown'; readonly because: string; readonly hint: string }
  /** npm, brew or an update of OpenClaw is at work. */
  | { readonly kind: 'busy'; readonly because: string }
  | {
      readonly kind: 'damaged';
      /** One sentence. */
      readonly because: string;
      readonly parts: readonly DamagedPart[];
      /** Ways to mend it that will not do, each with the reason. */
      readonly refused: readonly string[];
      readonly remedy:
        | { readonly kind: 'ready'; readonly plan: PackagePlan }
        | { readonly kind: 'unavailable'; readonly because: string; readonly hint: string };
    };

/** The package of this installation, for a command. `close` when it is done. */
export async function openPackageShop(
  context: Context,
  name: string,
): Promise<PackageShop & { readonly close: () => void }> {
  const shop = await openWorkshop(context, { name, keeps: false });
  const { settings } = shop.live.current();
  const { paths, clock, uid } = context;
  const packages = packagesOf(shop, context);
  const sight = sightGateway(settings, uid);
  return {
    installed: { root: sight.ground.packageRoot, version: sight.version },
    look: async ({ network, signal, unattended = false }) => {
      const evidence = await readDependencies({
        packageRoot: sight.ground.packageRoot,
        processes: listerOf(shop.processes),
      });
      const { place, sources } = packages;
      const aside = evidence.kind === 'half-installed' ? evidence.aside : null;
      const outcome = await planReinstall(
        {
          place: place(),
          sources,
          by: unattended ? 'watchdog' : 'person',
          uid,
          now: clock.now(),
          signal,
        },
        { aside, depth: unattended ? 'quick' : 'full', plugins: true, network },
      );
      return lookOf(evidence, outcome, () => ownLists(sight.ground.packageRoot, packages, signal));
    },
    stage: async (plan) => {
      const plans = packagePlansIn(paths.state);
      const written = await writePackagePlan(plans, plan);
      await sweepPackagePlans(plans, [plan.id]);
      return written;
    },
    repairWithinMs: settings.policy.reinstallMs,
    mend: (planId, signal) =>
      underLease({ role: 'fix-deps', processes: shop.processes }, context, async () => {
        await finishRepairs(packages.repair());
        const id = await nextRepairId(paths.quarantine);
        const outcome = await handsOn(packages).reinstall({ kind: 'reinstall', remedy: planId }, id, signal);
        return { id, outcome };
      }),
    close: () => shop.log.close(),
  };
}

/** What a command that stands in for the daemon mends a package with. */
export function packagesOf(shop: Workshop, context: Context): Packages {
  const { paths, clock, uid } = context;
  const { settings } = shop.live.current();
  return openPackages({
    paths,
    sight: () => sightGateway(settings, uid),
    run,
    clock,
    processes: shop.processes,
    manager: jobsOf(settings, context),
    label: settings.gateway.label,
    incident: () => null,
  });
}

/** Without launchd the watchdog itself starts the gateway, and no updater has a job of its own. */
function jobsOf(settings: Settings, context: Context): PackageParts['manager'] {
  const { serviceManager, tools } = settings;
  return serviceManager === 'embedded' || tools.launchctl === null
    ? { read: async () => ({ kind: 'not-loaded' }), labels: async () => [] }
    : launchdOf(settings, context);
}

/** OpenClaw's own lists with their hashes, for where nothing of ours was recorded. A sentence where they disagree. */
async function ownLists(
  root: string | null,
  { sources }: Packages,
  signal: AbortSignal,
): Promise<string | null> {
  if (root === null) return 'where the openclaw package lies is not known';
  const found = await sources.sound(root, signal);
  return found.kind === 'unsound' ? found.because : null;
}

/** What the package's own lists, the manifest and the plan say together. */
export async function lookOf(
  evidence: DependencyEvidence,
  outcome: ReinstallOutcome,
  ownFault: () => Promise<string | null>,
): Promise<PackageLook> {
  switch (outcome.kind) {
    case 'busy':
      return outcome;
    case 'whole': {
      // Dependencies that lie beside the package (pnpm, an installation that is not global) are in no manifest of ours.
      const lack = isLacking(evidence) ? await ownFault() : null;
      if (lack === null) return { kind: 'sound', because: `nothing to do: ${outcome.because}` };
      const { refused } = outcome.explain;
      const because = `${outcome.because}: what is missing was no part of it, and no archive holds it`;
      const hint = 'install the same version of OpenClaw again, with the package manager it came with';
      return {
        kind: 'damaged',
        because: lack,
        parts: [],
        refused,
        remedy: { kind: 'unavailable', because, hint },
      };
    }
    case 'ready':
    case 'unavailable':
      break;
    default:
      return outcome satisfies never;
  }
  const { check, refused } = outcome.explain;
  const parts = check === null ? [] : damagedParts(check);
  const because = await faultOf(evidence, parts.length, ownFault);
  if (because === null) {
    const why = outcome.kind === 'unavailable' ? ` (${outcome.because})` : '';
    const how = "the package agrees with OpenClaw's own lists; there is no record of ours to compare it with";
    return { kind: 'sound', because: `nothing to do: ${how}${why}` };
  }
  if (outcome.kind === 'ready')
    return { kind: 'damaged', because, parts, refused, remedy: { kind: 'ready', plan: outcome.plan } };
  if (evidence.kind === 'installing') return { kind: 'busy', because: evidence.because };
  if (evidence.kind === 'unknown' && parts.length === 0)
    return { kind: 'unknown', because: evidence.because, hint: outcome.command };
  const remedy = { kind: 'unavailable', because: outcome.because, hint: outcome.command } as const;
  return { kind: 'damaged', because, parts, refused, remedy };
}

const isLacking = ({ kind }: DependencyEvidence): boolean =>
  kind === 'missing' || kind === 'corrupted' || kind === 'half-installed';

/** One sentence about what is wrong; null where nothing is. */
async function faultOf(
  evidence: DependencyEvidence,
  differing: number,
  ownFault: () => Promise<string | null>,
): Promise<string | null> {
  switch (evidence.kind) {
    case 'missing':
    case 'corrupted':
    case 'half-installed':
    case 'installing':
      return evidence.because;
    case 'unknown':
    case 'intact':
    case 'unread':
      if (differing === 0) return evidence.kind === 'unknown' ? evidence.because : ownFault();
      return `${differing} ${differing === 1 ? 'part is' : 'parts are'} not as recorded when the gateway last proved healthy`;
    default:
      return evidence satisfies never;
  }
}
