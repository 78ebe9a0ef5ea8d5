import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { type Clock, hours, type Millis, minutes } from '../core/time.ts';
import { commandOf, type ServiceJob } from '../gateway/environment.ts';
import { rootOfEntry } from '../gateway/package.ts';
import { readIfExists, writeDurable } from '../system/durable-file.ts';
import type { Log } from '../system/log.ts';
import type { GatewaySight } from './gateway-sight.ts';

/** What launchd/lifeboat.sh knows without Node, one `key=value` a line; null for what is not known. */
export type LifeboatFacts = Readonly<Record<string, string | null>>;

export const lifeboatFactsIn = (paths: Pick<Paths, 'bin'>): string => join(paths.bin, 'lifeboat.conf');

/** The shell reads so many lines at most, each of them with one value. */
const maxBytes = 65_536;

/** Sorted, so that the same facts are the same file. A value that would need a second line is left out. */
export function renderFacts(facts: LifeboatFacts): string {
  return Object.entries(facts)
    .filter(([key, value]) => /^[a-z_]+$/.test(key) && value !== null && !/[\n\r\0]/.test(value))
    .map(([key, value]) => `${key}=${value}\n`)
    .toSorted()
    .join('');
}

export function parseFacts(text: string): LifeboatFacts {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** What is true of the gateway: the daemon keeps it so, for a port or a version changes without us. */
export function gatewayFacts(about: {
  readonly gateway: Pick<Settings['gateway'], 'label' | 'plist' | 'configPath'>;
  readonly packageRoot: string | null;
  readonly version: string | null;
  readonly programArguments: readonly string[];
  readonly job: Pick<ServiceJob, 'standardOutPath' | 'standardErrorPath'> | null;
  readonly endpoint: { readonly host: string; readonly port: number; readonly tls: boolean };
  readonly bootGraceMs: Millis;
}): LifeboatFacts {
  const { gateway, endpoint, job } = about;
  const logs = [job?.standardErrorPath, job?.standardOutPath];
  return {
    label: gateway.label,
    plist: gateway.plist,
    config: gateway.configPath,
    package: about.packageRoot,
    entry: commandOf(about.programArguments).find((word) => rootOfEntry(word) !== null) ?? null,
    openclaw: about.version,
    host: endpoint.host,
    port: String(endpoint.port),
    tls: endpoint.tls ? 'yes' : 'no',
    log: logs.find((path) => path?.startsWith('/') && !path.startsWith('/dev/')) ?? null,
    boot_grace_s: String(Math.ceil(about.bootGraceMs / 1000)),
  };
}

export interface FactsParts {
  readonly clock: Clock;
  readonly paths: Paths;
  readonly settings: () => Pick<Settings, 'gateway' | 'policy'>;
  readonly endpoint: () => { readonly host: string; readonly port: number; readonly tls: boolean };
  /** Null while nothing of the package can be read: what was known stays. */
  readonly version: () => string | null;
  readonly sight: () => GatewaySight;
  readonly log: Pick<Log, 'warn'>;
}

/** Plist and config are read for it, which is too dear for every heartbeat. */
const everyMs = minutes(10);
/** A program that has run this long is no longer the one whose breakage the lifeboat has spent its restarts on. */
const forgetMs = hours(24);

/** Keeps the lifeboat's facts true while the daemon lives. To be called with each heartbeat; never throws. */
export function createLifeboatFacts(parts: FactsParts): () => void {
  const { clock, paths, log } = parts;
  const startedAt = clock.elapsed();
  let known = '';
  let readAt: Millis | null = null;
  let busy = false;
  let forgotten = false;
  let told = '';

  const refresh = async (): Promise<void> => {
    const path = lifeboatFactsIn(paths);
    const found = await readIfExists(path, maxBytes);
    // The installer writes it, beside the script that reads it: without it there is no lifeboat.
    if (found.kind !== 'read') return;
    const { gateway, policy } = parts.settings();
    const { inputs, ground } = parts.sight();
    const former = found.bytes.toString('utf8');
    const before = parseFacts(former);
    const now = gatewayFacts({
      gateway,
      packageRoot: ground.packageRoot,
      version: parts.version(),
      programArguments: inputs.programArguments,
      job: ground.job,
      endpoint: parts.endpoint(),
      bootGraceMs: policy.bootGraceMs,
    });
    const kept = Object.fromEntries(Object.entries(now).filter(([, value]) => value !== null));
    const text = renderFacts({ ...before, ...kept });
    if (text === former) return;
    const written = await writeDurable(path, text, { mode: 0o600 });
    if (written.kind === 'failed' && written.because !== told) {
      told = written.because;
      log.warn(`The lifeboat's facts could not be renewed: ${written.because}`);
    }
  };

  return () => {
    if (busy) return;
    const key = JSON.stringify([parts.endpoint(), parts.version(), parts.settings().policy.bootGraceMs]);
    const due = readAt === null || clock.elapsed() - readAt >= everyMs;
    if (key === known && !due) return;
    known = key;
    readAt = clock.elapsed();
    busy = true;
    const forget = !forgotten && clock.elapsed() - startedAt >= forgetMs;
    forgotten ||= forget;
    const cleared = forget ? rm(join(paths.state, 'lifeboat-restarts'), { force: true }) : undefined;
    void Promise.all([refresh(), cleared])
      // It must never stand in the way of a heartbeat; the next one tries again.
      .catch((error: unknown) => log.warn(`The lifeboat's facts could not be renewed: ${String(error)}`))
      .finally(() => {
        busy = false;
      });
  };
}
