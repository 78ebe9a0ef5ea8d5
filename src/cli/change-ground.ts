import type { Settings } from '../config/settings.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import type { GroundPlace } from '../probes/ground-sights.ts';
import type { JudgePlace } from '../probes/staged-judge.ts';
import type { Context } from './context.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

/** What a command that deals with the gateway's config works on. */
export interface ChangeGround {
  readonly shop: Workshop;
  readonly settings: Settings;
  /** The config, and who judges it. */
  readonly place: JudgePlace;
  readonly ground: GroundPlace;
  /** The installed OpenClaw; null when it is not known. */
  readonly version: string | null;
}

export async function openChangeGround(context: Context, name: string): Promise<ChangeGround> {
  const shop = await openWorkshop(context, { name, keeps: false });
  const { settings } = shop.live.current();
  const { ground, version } = sightGateway(settings, context.uid);
  const { configPath, env, node, packageRoot, stateDir, programArguments } = ground;
  const allowUnconfigured = programArguments.includes('--allow-unconfigured');
  return {
    shop,
    settings,
    place: { configPath, env, node, packageRoot, stateDir, allowUnconfigured },
    ground,
    version,
  };
}
