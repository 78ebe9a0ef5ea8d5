import { existsSync } from 'node:fs';
import type { ChannelDeps } from '../alerts/channels.ts';
import { hideConfigValues } from '../daemon/alert-hiding.ts';
import { readGatewayEnvironment } from '../gateway/environment.ts';
import { readText } from '../gateway/read-text.ts';
import { parsePlist } from '../system/launchd/plist.ts';
import { run } from '../system/run.ts';
import type { Context } from './context.ts';
import type { Workshop } from './workshop.ts';

/** The gateway's environment changes when it is installed anew; one message asks for it a dozen times. */
const environmentMs = 30_000;

/** What the channels are opened with. The two tools are macOS's own, by their full paths. */
export function channelDeps(
  { clock, env, layout }: Context,
  { live, registerSecret, redact }: Pick<Workshop, 'live' | 'registerSecret' | 'redact'>,
): ChannelDeps {
  let known: ReturnType<typeof readGatewayEnvironment>['env'] = {};
  let readAt: number | null = null;
  const place = () => {
    const { gateway } = live.current().settings;
    if (readAt === null || clock.elapsed() - readAt > environmentMs) {
      known = readGatewayEnvironment(gateway, { readText, parsePlist }).env;
      readAt = clock.elapsed();
    }
    return { configPath: gateway.configPath, env: known };
  };
  const hiding = hideConfigValues({ redact, place });
  const tool = (path: string): string | null => (layout === 'macos' && existsSync(path) ? path : null);
  return {
    clock,
    env,
    run,
    security: tool('/usr/bin/security'),
    osascript: tool('/usr/bin/osascript'),
    onSecret: registerSecret,
    redact: hiding.redact,
    isGateways: hiding.holds,
  };
}
