import type { Answer } from '../../daemon/commands.ts';
import { freePortWithinMs } from '../../daemon/port-hand.ts';
import type { AskWithin } from '../ask-or-do.ts';
import type { NuclearAsk } from '../change-words.ts';
import type { ConfigLook } from '../config-look.ts';
import type { Context } from '../context.ts';
import { damageLines } from '../damage.ts';
import { exitCodes } from '../exit-codes.ts';
import { nextWhileBusy, planLines } from '../fix-deps-render.ts';
import type { PackageShop } from '../package-shop.ts';
import type { PortView } from '../port/look.ts';
import { holderLine, verdictLine } from '../port/words.ts';
import { changeWithinMs, listed, stage } from '../propose.ts';

export type StepName = 'package' | 'config' | 'port' | 'gateway';

/** What one look at one step has found. */
export type Found =
  | { readonly kind: 'clean'; readonly because: string }
  /** It could not be told; nothing is done on a guess, and the next step is looked at. */
  | { readonly kind: 'unknown'; readonly because: string }
  /** It can only be told once an earlier step is done. */
  | { readonly kind: 'later'; readonly because: string }
  | {
      readonly kind: 'due';
      readonly because: string;
      readonly plan: readonly string[];
      /** A word or two for the last line. */
      readonly did: string;
      readonly carry: (ask: AskWithin) => Promise<Answer>;
    }
  /** Nothing of ours helps, and what comes after it rests on it. */
  | { readonly kind: 'blocked'; readonly because: string; readonly next: string; readonly exitCode: number };

export interface Step {
  readonly name: StepName;
  /** What is said while it is looked at, and while it is carried out. */
  readonly looking: string;
  readonly doing: string;
  /** `afterOthers`: an earlier step is to be carried out first. */
  readonly look: (afterOthers: boolean) => Promise<Found>;
}

const by = 'immune nuclear';
/** An action of the watchdog may be in flight, and each step waits for its end. */
const inFlightMs = 180_000;

export function packageStep(shop: PackageShop, ask: NuclearAsk, { signal }: Context): Step {
  return {
    name: 'package',
    looking: 'comparing every file of the package',
    doing: 'putting the package right',
    look: async () => {
      const found = await shop.look({ network: ask.network, signal });
      switch (found.kind) {
        case 'sound':
          return { kind: 'clean', because: found.because.replace(/^nothing to do: /, '') };
        case 'unknown':
          return { kind: 'unknown', because: found.because };
        case 'busy':
          return {
            ...found,
            kind: 'blocked',
            next: nextWhileBusy(found.because, by),
            exitCode: exitCodes.busy,
          };
        case 'damaged':
          break;
        default:
          return found satisfies never;
      }
      const { because, parts, remedy } = found;
      if (remedy.kind === 'unavailable') {
        const why = `${because}; ${remedy.because}`;
        return { kind: 'blocked', because: why, next: remedy.hint, exitCode: exitCodes.unhealthy };
      }
      const { plan } = remedy;
      return {
        kind: 'due',
        because,
        plan: [...damageLines(parts), ...planLines(plan)],
        did: 'package restored',
        carry: async (askFor) => {
          const staged = await shop.stage(plan);
          if (staged.kind === 'failed')
            return { ok: false, why: 'failed', text: `nothing was changed: ${staged.because}` };
          return askFor({ kind: 'fix-deps', staged: plan.id, by }, shop.repairWithinMs + inFlightMs);
        },
      };
    },
  };
}

export function configStep(look: ConfigLook, configPath: string, context: Context): Step {
  return {
    name: 'config',
    looking: 'asking OpenClaw about the config',
    doing: 'putting the config right',
    look: async (afterOthers) => {
      // Judging a config needs the package.
      if (afterOthers) return { kind: 'later', because: 'judged once the package is whole' };
      const outcome = await look.plan();
      switch (outcome.kind) {
        case 'sound':
          return { kind: 'clean', because: 'OpenClaw accepts it' };
        case 'overtaken':
          return {
            kind: 'blocked',
            because: `${configPath} is being edited right now`,
            next: `${by}, once that is done`,
            exitCode: exitCodes.busy,
          };
        case 'unavailable': {
          const issues = outcome.explain.issues.map(({ path, message }) => `${path}: ${message}`);
          // Nobody says that anything is wrong with it: only that it could not be judged.
          if (issues.length === 0) return { kind: 'unknown', because: outcome.because };
          const copy = await look.unproven();
          const because = `OpenClaw does not accept it (${issues.join('; ')}); ${outcome.because}`;
          const next =
            copy === null ? `mend ${configPath} by hand, then ${by}` : `immune fix-config --from ${copy}`;
          return { kind: 'blocked', because, next, exitCode: exitCodes.unhealthy };
        }
        case 'ready':
          break;
        default:
          return outcome satisfies never;
      }
      const { draft, explain } = outcome;
      const issues = explain.issues.map(({ path, message }) => `${path}: ${message}`).join('; ');
      return {
        kind: 'due',
        because: `OpenClaw does not accept it: ${issues}`,
        plan: [`the plan ${draft.id}: ${draft.because}`, ...listed(draft.changes, configPath)],
        did: 'config rolled back',
        carry: async (askFor) => {
          await stage(draft, context);
          return askFor({ kind: 'fix-config', staged: draft.id, by }, changeWithinMs);
        },
      };
    },
  };
}

export function portStep(
  look: () => Promise<PortView>,
  { ask, uid, isAsked }: { readonly ask: NuclearAsk; readonly uid: number; readonly isAsked: boolean },
): Step {
  /** Of the first look, which the plan shows; null before it. */
  let shown: readonly (number | null)[] | null = null;
  return {
    name: 'port',
    looking: 'looking who listens',
    doing: 'ending the orphan',
    look: async () => {
      const view = await look();
      shown ??= view.leading.map(({ pid }) => pid);
      const because = verdictLine(view);
      switch (view.verdict) {
        case 'free':
        case 'ours':
          return { kind: 'clean', because };
        case 'unknown':
          return { kind: 'unknown', because };
        case 'foreign':
          return { kind: 'blocked', because, next: 'immune fix-port', exitCode: exitCodes.unhealthy };
        case 'orphan':
          return orphan(view, because);
        default:
          return view.verdict satisfies never;
      }
    },
  };

  function orphan(view: PortView, because: string): Found {
    const holder = view.leading.find(({ who }) => who === 'orphan');
    if (holder?.pid == null || holder.startedAt === null) return { kind: 'unknown', because };
    const { pid, startedAt } = holder;
    const byHand = holder.hasTerminal !== false;
    // One that was started since nobody has agreed to.
    const isAgreed = isAsked && shown?.includes(pid) === true;
    if (byHand && !ask.force && !isAgreed) {
      const why = `${because}; it was started by hand in a terminal, so somebody may be at work with it`;
      return {
        kind: 'blocked',
        because: why,
        next: 'immune fix-port --force --yes',
        exitCode: exitCodes.refused,
      };
    }
    return {
      kind: 'due',
      because,
      plan: [
        holderLine(holder, uid),
        `  end process ${pid} (SIGTERM, then SIGKILL), proven anew right before each signal`,
      ],
      did: 'orphan ended',
      carry: (askFor) =>
        askFor(
          { kind: 'fix-port', pid, startedAt, foreign: false, force: byHand, by },
          freePortWithinMs + inFlightMs,
        ),
    };
  }
}
