import type { SocketEvidence } from '../../src/core/evidence.ts';
import { createGatewayClient } from '../../src/gateway/client.ts';
import type { ListenerProof, Target } from '../../src/gateway/connection.ts';
import type { GatewayClient, GatewayEvent } from '../../src/gateway/held.ts';
import { secret } from '../../src/gateway/secret.ts';
import { systemClock } from '../../src/system/clock.ts';

export const clock = systemClock();
export const ours = async (): Promise<ListenerProof> => ({ kind: 'ours' });

export const tokenTarget = (port: number, token = 'practice-token'): Target => ({
  url: `ws://127.0.0.1:${port}`,
  auth: { mode: 'token', secret: secret(token) },
});

export interface TestClient {
  readonly client: GatewayClient;
  readonly events: GatewayEvent[];
  readonly logs: string[];
}

export function testClient(
  options: { readonly prove?: () => Promise<ListenerProof>; readonly afterAuthFailure?: number } = {},
): TestClient {
  const events: GatewayEvent[] = [];
  const logs: string[] = [];
  const client = createGatewayClient({
    clock,
    prove: options.prove ?? ours,
    onEvent: (event) => events.push(event),
    log: (sentence) => logs.push(sentence),
    pingEveryMs: 50,
    pongTimeoutMs: 200,
    handshakeTimeoutMs: 2_000,
    backoffMs: { min: 50, max: 200, afterAuthFailure: options.afterAuthFailure ?? 60_000 },
  });
  return { client, events, logs };
}

/** Waits on a condition; the bound is generous because the machine may be busy. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 15_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function untilKind<K extends SocketEvidence['kind']>(
  client: GatewayClient,
  kind: K,
): Promise<Extract<SocketEvidence, { kind: K }>> {
  await until(
    () => client.evidence().kind === kind,
    `the evidence is ${kind}: ${JSON.stringify(client.evidence())}`,
  );
  return client.evidence() as Extract<SocketEvidence, { kind: K }>;
}
