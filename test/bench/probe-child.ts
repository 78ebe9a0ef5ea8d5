// One process with the daemon's own eyes and V8 options that looks again and again, and prints what a look cost.
//   node <options> test/bench/probe-child.ts CONFIG.json5
import { setTimeout as sleep } from 'node:timers/promises';
import { loadSettings } from '../../src/config/settings.ts';
import type { Evidence } from '../../src/core/evidence.ts';
import { millis } from '../../src/core/time.ts';
import { sightGateway } from '../../src/daemon/gateway-sight.ts';
import { createEyes, type EyesParts, lookAtListener } from '../../src/probes/eyes.ts';
import { createGatewayLink } from '../../src/probes/gateway-link.ts';
import { createGroundSights } from '../../src/probes/ground-sights.ts';
import { type Depth, observe } from '../../src/probes/observe.ts';
import { systemClock } from '../../src/system/clock.ts';
import { readIfExists } from '../../src/system/durable-file.ts';
import { launchdManager } from '../../src/system/launchd/door.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { cpuOf } from './proc.ts';

/** What the bench reads from this process's standard output, as one line of JSON. */
export interface LookCosts {
  readonly light: readonly LookCost[];
  readonly deep: readonly LookCost[];
}

interface LookCost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly childrenMs: number;
}

const warmUps = 5;
const counts = { light: 60, deep: 15 };
const connectWithinMs = 20_000;

const [config] = process.argv.slice(2);
if (config === undefined) throw new Error('usage: probe-child.ts CONFIG.json5');
const loaded = await loadSettings(config, readIfExists);
if (loaded.kind !== 'ok') throw new Error(JSON.stringify(loaded));
const { settings } = loaded;
const clock = systemClock();
const uid = process.getuid?.() ?? 0;
const parts: EyesParts = {
  clock,
  manager: launchdManager({ launchctl: settings.tools.launchctl ?? '', uid, run, clock }),
  processes: createProcesses({ ps: settings.tools.ps, run, clock }),
  tools: settings.tools,
  uid,
  label: settings.gateway.label,
  plist: settings.gateway.plist,
  witnessMs: () => settings.policy.witnessMs,
  files: () => sightGateway(settings, uid).files,
};
const link = createGatewayLink({
  clock,
  inputs: () => sightGateway(settings, uid).inputs,
  override: { host: null, port: null },
  healthzTimeoutMs: settings.policy.healthzTimeoutMs,
  onEvent: () => undefined,
  log: () => undefined,
  listener: (endpoint) => lookAtListener(parts, endpoint),
  onSecret: () => undefined,
});
link.refresh();
const deadline = clock.elapsed() + connectWithinMs;
while (link.client.evidence().kind !== 'open') {
  if (clock.elapsed() > deadline) throw new Error(JSON.stringify(link.client.evidence()));
  await sleep(50);
}
const ground = createGroundSights({
  clock,
  run,
  processes: parts.processes,
  uid,
  redact: (text) => text,
  place: () => sightGateway(settings, uid).ground,
  wait: false,
  validatorTimeoutMs: () => settings.policy.validatorMs,
  onSettled: () => undefined,
});
const eyes = createEyes(parts, link, ground.look);
let previous: Evidence | null = null;

const costs: LookCosts = {
  light: await looks('light', counts.light),
  deep: await looks('deep', counts.deep),
};
process.stdout.write(`${JSON.stringify(costs)}\n`);
await ground.close();
link.close();

async function looks(depth: Depth, count: number): Promise<readonly LookCost[]> {
  const costs: LookCost[] = [];
  for (let index = 0; index < count + warmUps; index += 1) {
    const before = cpuOf(process.pid);
    const from = performance.now();
    if (depth === 'deep') link.refresh();
    previous = await observe(eyes, { depth, gapMs: millis(0), previous });
    const wallMs = performance.now() - from;
    const after = cpuOf(process.pid);
    const good = previous.healthz.kind === 'live' && (depth === 'light' || previous.rpc.kind === 'ok');
    if (!good) throw new Error(`a look failed: ${JSON.stringify(previous)}`);
    if (index < warmUps) continue;
    costs.push({
      wallMs,
      cpuMs: after.ownMs - before.ownMs,
      childrenMs: after.childrenMs - before.childrenMs,
    });
  }
  return costs;
}
