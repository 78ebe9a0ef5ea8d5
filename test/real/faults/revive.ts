import { bootTimeoutMs, type GatewayHome } from '../gateway-home.ts';
import { signal } from '../processes.ts';
import type { Fault } from './fault.ts';
import { forgetBoots } from './history.ts';

/**
 * Brings the gateway back after a fault was taken away, whatever state it left the job in: enabled, loaded, started
 * once. Gives the pid that serves.
 */
export async function revive(gateway: GatewayHome, fault: Fault): Promise<number> {
  if (fault.heals === undefined) {
    const now = await gateway.pid();
    // SIGKILL at once: a start that waits for its port or its plugins would use up launchd's 20 s.
    if (now !== null) signal(now, 'SIGKILL');
    forgetBoots(gateway, null);
    await start(gateway);
  }
  const pid = await gateway.waitServing(bootTimeoutMs);
  // The next fault must not meet a breaker that the crashes of this one have tripped.
  forgetBoots(gateway, pid);
  return pid;
}

async function start(gateway: GatewayHome): Promise<void> {
  const loaded = await gateway.launchctl('print', gateway.target);
  if (loaded.code === 0) await gateway.launchctl('kickstart', gateway.target);
  else {
    await gateway.launchctl('enable', gateway.target);
    await gateway.load();
  }
}
