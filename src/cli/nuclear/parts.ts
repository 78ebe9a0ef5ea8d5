import { openChangeGround } from '../change-ground.ts';
import type { NuclearAsk } from '../change-words.ts';
import { openConfigLook } from '../config-look.ts';
import type { Context } from '../context.ts';
import { openPackageShop } from '../package-shop.ts';
import { openPortGround } from '../port/ground.ts';
import { lookAtPort } from '../port/look.ts';
import { reported } from '../report.ts';
import type { Terminal } from '../terminal.ts';
import { gatewayStep } from './gateway.ts';
import { nuclear } from './nuclear.ts';
import { configStep, packageStep, portStep } from './steps.ts';

/** `immune nuclear` with the real steps: the functions behind fix-deps, fix-config, fix-port and restart. */
export function runNuclear(ask: NuclearAsk, context: Context, terminal: Terminal): Promise<number> {
  // What cannot even begin is an object too.
  const to = { json: ask.json, context, blank: { steps: [] } };
  return reported(to, () => open(ask, context, terminal));
}

async function open(ask: NuclearAsk, context: Context, terminal: Terminal): Promise<number> {
  const ground = await openChangeGround(context, 'the repair of everything');
  const shop = await openPackageShop(context, 'the repair of everything');
  try {
    const { look } = openPortGround(ground, context);
    const port = () => lookAtPort(look);
    // A person who reads the plan and says yes has seen what was started by hand.
    const isAsked = terminal.interactive && !ask.yes && !ask.json;
    const steps = [
      packageStep(shop, ask, context),
      configStep(openConfigLook(ground, context), ground.place.configPath, context),
      portStep(port, { ask, uid: context.uid, isAsked }),
      gatewayStep(ask, context, port),
    ];
    return await nuclear(ask, { context, terminal, steps });
  } finally {
    shop.close();
    ground.shop.log.close();
  }
}
