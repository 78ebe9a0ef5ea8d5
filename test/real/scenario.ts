import { type TestContext, test } from 'vitest';
import { bootGateway, type GatewayHome, type GatewayOptions } from './gateway-home.ts';
import { oldestVersion } from './places.ts';
import { installWatchdog, type WatchdogHome } from './watchdog-home.ts';

/** How much of each log a failed scenario shows. */
const shownLines = 60;

/** One scenario on a real, serving gateway; the gateway ends with it, and a failure shows the logs. */
export function gatewayScenario(
  name: string,
  options: GatewayOptions,
  act: (gateway: GatewayHome, context: TestContext) => Promise<void>,
): void {
  test(title(name, options), async (context) => {
    if (options.version === oldestVersion && process.env['OPENCLAW_IMMUNE_TEST_ALL'] === undefined) {
      context.skip('needs --all');
    }
    const gateway = await bootGateway(options);
    try {
      await act(gateway, context);
    } catch (error) {
      show('gateway.log', gateway.log());
      show('gateway-restart.log', gateway.audit());
      show(
        'launchctl calls',
        gateway.launchd
          .calls()
          .map((call) => call.argv.join(' '))
          .join('\n'),
      );
      throw error;
    } finally {
      await gateway.stop();
    }
  });
}

/** The same with our watchdog installed beside it and the gateway ready. */
export function watchdogScenario(
  name: string,
  options: GatewayOptions & { readonly install?: readonly string[] },
  act: (gateway: GatewayHome, watchdog: WatchdogHome, context: TestContext) => Promise<void>,
): void {
  gatewayScenario(name, options, async (gateway, context) => {
    const watchdog = await installWatchdog(gateway, ...(options.install ?? []));
    try {
      await act(gateway, watchdog, context);
    } catch (error) {
      show('watchdog.log', watchdog.log());
      show(
        'journal',
        watchdog
          .journal()
          .map((entry) => JSON.stringify(entry))
          .join('\n'),
      );
      show('status.json', JSON.stringify(watchdog.statusFile(), null, 2));
      throw error;
    }
  });
}

const title = (name: string, options: GatewayOptions): string =>
  options.version === undefined ? name : `${name} (${options.version})`;

export function show(what: string, text: string): void {
  const lines = text.trimEnd().split('\n').slice(-shownLines);
  console.log(`---- ${what} (last ${lines.length} lines)\n${lines.join('\n')}`);
}
