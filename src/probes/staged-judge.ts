import type { Millis } from '../core/time.ts';
import { checkConfigFile } from '../gateway/config-check.ts';
import { type ConfigRecord, isRecord } from '../gateway/config-file.ts';
import type { Environment } from '../gateway/env-file.ts';
import { type ConfigOpinion, validateConfig } from '../gateway/validate-config.ts';
import type { Run } from '../system/run.ts';
import { type ConfigTexts, hashOfTexts, staged } from './config-set.ts';

export type Issues = Extract<ConfigOpinion, { readonly kind: 'invalid' }>['issues'];

export type Judgement =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly issues: Issues }
  /** The validator is broken, late or not there. Our own reading finds no fault. */
  | { readonly kind: 'unknown'; readonly because: string }
  /** It would take another run of the validator, and there are none left. */
  | { readonly kind: 'spent' };

/** Judges candidates; each run of the validator counts, the same content is never run twice. */
export interface Judge {
  judge(texts: ConfigTexts, reserved?: number): Promise<Judgement>;
  /** What is known of a content already. */
  seed(texts: ConfigTexts, issues: Issues): void;
  /** What was found out about a content, or seeded. */
  known(texts: ConfigTexts): Judgement | null;
  runs(): number;
  left(): number;
}

/** Where the gateway's config and its judge are. */
export interface JudgePlace {
  readonly configPath: string;
  readonly env: Environment;
  readonly node: string | null;
  readonly packageRoot: string | null;
  readonly stateDir: string;
  readonly allowUnconfigured: boolean;
}

/** A run takes 2 to 4 s while the gateway is down; what is not found with these is not worth more of them. */
const maxRuns = 5;

export function createJudge(
  place: JudgePlace,
  by: { readonly run: Run; readonly timeoutMs: Millis; readonly signal: AbortSignal },
): Judge {
  const known = new Map<string, Judgement>();
  let runs = 0;

  const ask = (texts: ConfigTexts, reserved: number): Promise<Judgement> =>
    staged(place.configPath, texts, async (stagedPath) => {
      const { verdict, config } = checkConfigFile(stagedPath, place.env, null);
      const named = (text: string): string => text.replaceAll(stagedPath, place.configPath);
      if (verdict.kind === 'unknown') return { kind: 'unknown', because: named(verdict.because) };
      if (verdict.kind === 'faulty' && !(place.allowUnconfigured && verdict.fault === 'incomplete'))
        return {
          kind: 'invalid',
          issues: [{ path: placeOf(verdict.fault, config), message: named(verdict.because) }],
        };
      const { node, packageRoot } = place;
      if (node === null || packageRoot === null)
        return { kind: 'unknown', because: "OpenClaw's validator is not there" };
      if (runs + reserved >= maxRuns) return { kind: 'spent' };
      runs += 1;
      return validateConfig({
        ...place,
        ...by,
        node,
        packageRoot,
        configPath: stagedPath,
        config: config ?? {},
      });
    });

  return {
    judge: async (texts, reserved = 0) => {
      by.signal.throwIfAborted();
      const key = hashOfTexts(texts);
      const before = known.get(key);
      if (before !== undefined) return before;
      const judgement = await ask(texts, reserved);
      by.signal.throwIfAborted();
      if (judgement.kind !== 'spent') known.set(key, judgement);
      return judgement;
    },
    seed: (texts, issues) => known.set(hashOfTexts(texts), { kind: 'invalid', issues }),
    known: (texts) => known.get(hashOfTexts(texts)) ?? null,
    runs: () => runs,
    left: () => maxRuns - runs,
  };
}

/** The key our own reading finds fault with, as the validator would name it (see `checkConfigFile`). */
function placeOf(fault: string, config: ConfigRecord | null): string {
  const gateway = config?.['gateway'];
  if (fault === 'incomplete') return 'gateway.mode';
  if (fault !== 'rejected') return '<root>';
  return isRecord(gateway) ? 'gateway.port' : 'gateway';
}
