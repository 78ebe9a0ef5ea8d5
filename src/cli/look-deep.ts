import { millis } from '../core/time.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import { createEyes, type EyesParts, lookAtListener } from '../probes/eyes.ts';
import { createGatewayLink } from '../probes/gateway-link.ts';
import { createGroundSights } from '../probes/ground-sights.ts';
import { observe } from '../probes/observe.ts';
import { embeddedManager } from '../system/embedded/manager.ts';
import { createSupervisor } from '../system/embedded/supervisor.ts';
import { run } from '../system/run.ts';
import type { Looked } from './check.ts';
import type { Context } from './context.ts';
import { launchdOf, openWorkshop } from './workshop.ts';

/** How long the held connection may take to be accepted before the look is taken without it. */
const connectWithinMs = 6_000;
const pollMs = millis(50);

/** One deep look from this process, for when no daemon answers. */
export async function lookDeepOnce(context: Context): Promise<Looked> {
  const shop = await openWorkshop(context, { name: 'the check', keeps: false });
  const { settings } = shop.live.current();
  const { clock, uid } = context;
  const sight = sightGateway(settings, uid);
  const parts: EyesParts = {
    clock,
    // Without launchd the daemon starts the gateway itself: with no daemon no job is loaded, which is what this says.
    manager:
      settings.serviceManager === 'embedded'
        ? embeddedManager(createSupervisor({ clock }), clock)
        : launchdOf(settings, context),
    processes: shop.processes,
    tools: settings.tools,
    uid,
    label: settings.gateway.label,
    plist: settings.gateway.plist,
    witnessMs: () => settings.policy.witnessMs,
    files: () => sight.files,
  };
  const link = createGatewayLink({
    clock,
    inputs: () => sight.inputs,
    override: { host: settings.gateway.host, port: settings.gateway.port },
    healthzTimeoutMs: settings.policy.healthzTimeoutMs,
    onEvent: () => undefined,
    log: () => undefined,
    listener: (endpoint) => lookAtListener(parts, endpoint),
    onSecret: shop.registerSecret,
  });
  const ground = createGroundSights({
    clock,
    run,
    processes: shop.processes,
    uid,
    redact: shop.redact,
    place: () => sight.ground,
    // There is no later look that could read the verdict.
    wait: true,
    validatorTimeoutMs: () => settings.policy.validatorMs,
    onSettled: () => undefined,
  });
  try {
    link.refresh();
    const deadline = clock.elapsed() + connectWithinMs;
    while (link.client.evidence().kind === 'connecting' && clock.elapsed() < deadline)
      await clock.sleep(pollMs);
    const evidence = await observe(createEyes(parts, link, ground.look), {
      depth: 'deep',
      gapMs: millis(0),
      previous: null,
    });
    const { policy, mode, gateway } = settings;
    return { evidence, rules: { policy, mode, label: gateway.label } };
  } finally {
    await ground.close();
    link.close();
    shop.log.close();
  }
}
