import { type Mark, markNow } from '../acts.ts';
import { bootGateway, type GatewayHome } from '../gateway-home.ts';
import { installWatchdog, type WatchdogHome } from '../watchdog-home.ts';
import { told } from '../watching.ts';
import { withOwnNode } from './launches.ts';
import { causesOf } from './watched.ts';

/** One gateway and one watchdog beside it that decides, tells and never acts. */
export interface MatrixWorld {
  readonly gateway: GatewayHome;
  readonly watchdog: WatchdogHome;
}

/**
 * Shortened so that a fault costs seconds; each is still longer than what it waits for. Boots keep their ten minutes,
 * draining its two, late relaunches their one: nothing here depends on how busy the machine is.
 */
const shortened = {
  tickMs: '2s',
  urgentTickMs: '1s',
  witnessMs: '2s',
  hangActMs: '6s',
  hangActAloneMs: '9s',
  pendedGraceMs: '3s',
  reloadAfterMs: '6s',
  portGraceMs: '5s',
  stableMs: '2s',
  editGraceMs: '1s',
  latentTellMs: '4s',
  noteTellMs: '4s',
  // The same gateway is lost some fifty times in half an hour: on purpose.
  flap: { limit: 1_000, windowMs: '2h' },
  memoryBytes: 1_500_000_000,
  // Here causes are told apart, and what is due is named; what a rollback does has scenarios of its own.
  soakMs: '12h',
} as const;

const calmTimeoutMs = 120_000;

export async function makeWorld(version: string): Promise<MatrixWorld> {
  const gateway = await bootGateway({ version, ownPackage: true, plist: withOwnNode });
  try {
    const watchdog = await installWatchdog(gateway, '--observe');
    await watchdog.setPolicy(shortened);
    return { gateway, watchdog };
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** Until the watchdog calls this very process healthy, with no incident open and nothing to tell; then marks the place. */
export async function calm({ gateway, watchdog }: MatrixWorld, pid: number): Promise<Mark> {
  await watchdog.waitForStatus(
    `process ${pid} to be healthy and nothing to tell`,
    (status) => {
      const { state } = told(status);
      const quiet = state.phase.kind === 'healthy' && state.incident === null;
      return quiet && state.generation?.pid === pid && causesOf(state).join() === 'serving';
    },
    { timeoutMs: calmTimeoutMs },
  );
  return markNow(gateway, watchdog);
}
