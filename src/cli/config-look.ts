import { openStore } from '../daemon/open-store.ts';
import { type PlanOutcome, planRollback } from '../probes/plan-rollback.ts';
import { run } from '../system/run.ts';
import { listKept } from '../vault/kept.ts';
import type { ChangeGround } from './change-ground.ts';
import type { Context } from './context.ts';
import { orInterrupted } from './judge-file.ts';
import { firstFit } from './last-good.ts';

/** A config that is being edited at this moment is planned for so often, and then left to its editor. */
const maxPlans = 3;
/** One verified snapshot is all that is asked for. */
const maxListed = 500;

/** What a command works out about the config in place. */
export interface ConfigLook {
  /** How it stands, and what to put in its place. */
  plan(): Promise<PlanOutcome>;
  /** Where no verified snapshot is kept: one of OpenClaw's own copies that OpenClaw accepts, which was never proven. */
  unproven(): Promise<string | null>;
}

export function openConfigLook(ground: ChangeGround, context: Context): ConfigLook {
  const { place, version, settings, shop } = ground;
  const { processes } = shop;
  const store = openStore({ paths: context.paths, settings, run, clock: context.clock, processes });
  const tools = { run, timeoutMs: settings.policy.validatorMs, signal: context.signal };
  const once = (): Promise<PlanOutcome> => {
    const kept = async () => (await listKept(context.paths.quarantine)).map(({ record }) => record);
    const parts = { place: { ...place, version }, store, kept, ...tools };
    return orInterrupted(planRollback(parts, null), context);
  };
  return {
    plan: async () => {
      let outcome = await once();
      for (let n = 1; n < maxPlans && outcome.kind === 'overtaken'; n += 1) outcome = await once();
      return outcome;
    },
    unproven: async () => {
      const listing = await store.list(maxListed);
      const none = listing.kind === 'failed' || !listing.entries.some(({ label }) => label === 'verified');
      return none ? firstFit(place, tools) : null;
    },
  };
}
