import type { HealthzEvidence, ListenerEvidence, ReadinessEvidence, RpcEvidence } from '../core/evidence.ts';
import type { Clock } from '../core/time.ts';
import { createGatewayClient, probeOnce } from '../gateway/client.ts';
import type { GatewayConfig } from '../gateway/config-file.ts';
import type { ListenerProof, Target } from '../gateway/connection.ts';
import { type Endpoint, type EndpointInput, readSecret, resolveEndpoint } from '../gateway/endpoint.ts';
import type { Environment } from '../gateway/env-file.ts';
import { createHttpProbe } from '../gateway/healthz.ts';
import type { GatewayClient, GatewayEvent } from '../gateway/held.ts';
import { reveal } from '../gateway/secret.ts';
import { tailnetAddress } from '../system/tailnet.ts';

/** One gateway: where it is, how it is spoken to, and the connection that is held to it. */
export interface GatewayLink {
  /** Reads plist, environment and config again; a changed address or secret is used at once. */
  refresh(): void;
  endpoint(): Endpoint;
  /** Why the held connection cannot be authenticated, and what else is odd; for status. */
  problems(): readonly string[];
  healthz(): Promise<HealthzEvidence>;
  readyz(): Promise<ReadinessEvidence>;
  client: GatewayClient;
  /**
   * A fresh connection and one `health` request, with the payload of its answer. `judge` is asked who listens before the
   * secret is sent.
   */
  rpc(
    judge: () => Promise<ListenerEvidence>,
  ): Promise<{ readonly rpc: RpcEvidence; readonly health: unknown }>;
  close(): void;
}

export interface LinkInputs {
  readonly config: GatewayConfig;
  readonly env: Environment;
  readonly programArguments: readonly string[];
}

export interface LinkOptions {
  readonly clock: Clock;
  /** Config, environment and arguments of the gateway, read now. */
  readonly inputs: () => LinkInputs;
  readonly override: { readonly host: string | null; readonly port: number | null };
  readonly healthzTimeoutMs: number;
  readonly onEvent: (event: GatewayEvent) => void;
  readonly log: (sentence: string) => void;
  /** Who listens, judged now. */
  readonly listener: (endpoint: Endpoint) => Promise<ListenerEvidence>;
  /** Every secret that was read, so that no log line can repeat one. */
  readonly onSecret: (text: string) => void;
}

/** Our ping on the held connection, and how long it may stay unanswered; together they notice a hang within 15 s. */
const pingEveryMs = 10_000;
const pongTimeoutMs = 5_000;
const handshakeTimeoutMs = 5_000;
/** A refused secret is tried again at most this often: 2026.9.6 slows each failure down and logs it. */
const backoffMs = { min: 500, max: 10_000, afterAuthFailure: 60_000 };
const rpcTimeoutMs = 10_000;
/** Tokens rotate; the newest this many are kept out of the evidence. */
const maxSecrets = 8;
/** As for the log: taking out a shorter one would eat ordinary words. */
const shortestSecret = 8;

export function createGatewayLink(options: LinkOptions): GatewayLink {
  const { clock, override } = options;
  let input: EndpointInput = { config: null, env: {}, programArguments: [] };
  let endpoint = located(resolveEndpoint(input), override);
  let configProblem: string | null = null;
  let secretProblem: string | null = null;
  let secretUnset = false;
  let target: Target | null = null;
  let http = createHttpProbe(probeAt(endpoint));
  let httpKey = keyOf(endpoint);

  /** The address that was found to answer instead of the usual one; kept while the config still names it. */
  let movedTo: string | null = null;

  function probeAt({ host, port, tls }: Endpoint) {
    return { clock, host, port, tls, timeoutMs: options.healthzTimeoutMs };
  }

  // The secret goes only to a listener that is proven ours, judged anew on every connection.
  const prove = async (): Promise<ListenerProof> => proofOf(await options.listener(endpoint));

  const client = createGatewayClient({
    clock,
    prove,
    onEvent: options.onEvent,
    log: options.log,
    pingEveryMs,
    pongTimeoutMs,
    handshakeTimeoutMs,
    backoffMs,
  });

  /** Secrets the peer was or will be told, newest first: what it answers may repeat one, and evidence is written down. */
  let said: readonly string[] = [];
  const clean = <T>(evidence: T): T => withoutSecrets(evidence, said);

  const aim = (): void => {
    const found = readSecret(input);
    const url = `${endpoint.tls ? 'wss' : 'ws'}://${bracketed(endpoint.host)}:${endpoint.port}`;
    secretUnset = found.kind === 'unavailable' && found.unset;
    if (found.kind === 'unavailable') {
      secretProblem = found.because;
      // A config that is broken for a moment must not drop a connection that is held and accepted.
      if (client.evidence().kind !== 'open') {
        target = null;
        client.close(found.because);
      }
      return;
    }
    secretProblem = null;
    target = {
      url,
      auth: found.kind === 'none-needed' ? { mode: 'none' } : { mode: found.mode, secret: found.secret },
    };
    if (found.kind === 'secret') {
      const text = reveal(found.secret);
      options.onSecret(text);
      if (text.length >= shortestSecret) {
        said = [text, ...said.filter((each) => each !== text)].slice(0, maxSecrets);
      }
    }
    client.connect(target);
  };

  const refresh = (): void => {
    const { config, env, programArguments } = options.inputs();
    configProblem = config.kind === 'ok' ? null : config.because;
    // A config that cannot be read now leaves what was read last: the running gateway still runs by it.
    input = {
      config: config.kind === 'ok' ? config.config : input.config,
      env,
      programArguments,
      tailnetAddress: tailnetAddress(),
    };
    const found = resolveEndpoint(input);
    const moved = movedTo !== null && found.otherHost === movedTo;
    endpoint = located(moved ? { ...found, host: found.otherHost } : found, override);
    if (keyOf(endpoint) !== httpKey) {
      http.close();
      http = createHttpProbe(probeAt(endpoint));
      httpKey = keyOf(endpoint);
    }
    aim();
  };

  return {
    refresh,
    endpoint: () => endpoint,
    problems: () => [configProblem, secretProblem, ...endpoint.problems].filter((text) => text !== null),
    healthz: async () => {
      const first = clean(await http.healthz());
      const other = endpoint.otherHost;
      if (first.kind !== 'refused' || other === null || other === endpoint.host) return first;
      // 2026.6.6 and older listen at a custom address only; 2026.9.6 at 127.0.0.1 as well.
      const there = createHttpProbe({ ...probeAt(endpoint), host: other });
      const second = await there.healthz();
      there.close();
      if (second.kind !== 'live') return first;
      movedTo = other;
      refresh();
      return second;
    },
    readyz: async () => clean(await http.readyz()),
    client: {
      ...client,
      evidence: () => {
        const seen = clean(client.evidence());
        return seen.kind === 'not-tried' ? { ...seen, secretUnset } : seen;
      },
    },
    rpc: async (judge) => {
      if (target === null) {
        const because = secretProblem ?? 'there is no address to connect to';
        return { rpc: { kind: 'not-tried', because }, health: undefined };
      }
      const proveFresh = async (): Promise<ListenerProof> => proofOf(await judge());
      const probed = await probeOnce(target, { clock, prove: proveFresh, timeoutMs: rpcTimeoutMs });
      return { rpc: clean(probed.rpc), health: probed.health };
    },
    close: () => {
      client.close();
      http.close();
    },
  };
}

/** The same facts with every text freed of these secrets. */
function withoutSecrets<T>(value: T, secrets: readonly string[]): T {
  const text = JSON.stringify(value);
  if (!secrets.some((secret) => text.includes(inJson(secret)))) return value;
  return JSON.parse(text, (key, each: unknown) =>
    typeof each === 'string' && key !== 'kind'
      ? secrets.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), each)
      : each,
  );
}

/** As it stands inside a JSON text. */
const inJson = (secret: string): string => JSON.stringify(secret).slice(1, -1);

function proofOf(listener: ListenerEvidence): ListenerProof {
  if (listener.kind === 'ours' || listener.kind === 'orphan') return { kind: 'ours' };
  const because = listener.kind === 'unknown' ? listener.because : `the listener is ${listener.kind}`;
  return { kind: 'not-ours', because };
}

function located(endpoint: Endpoint, override: LinkOptions['override']): Endpoint {
  return {
    ...endpoint,
    host: override.host ?? endpoint.host,
    port: override.port ?? endpoint.port,
  };
}

const keyOf = ({ host, port, tls }: Endpoint): string => `${host} ${port} ${tls}`;
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
