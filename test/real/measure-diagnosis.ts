// How long the diagnosis of a dead gateway takes, without and with OpenClaw's own validator: docs/benchmarks.md.
//   node test/real/measure-diagnosis.ts [VERSION]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Environment } from '../../src/gateway/env-file.ts';
import { createGroundSights } from '../../src/probes/ground-sights.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { digits, load, machine, show, spreadOf } from '../bench/figures.ts';
import { findTool } from '../demo/tools.ts';
import { freePort } from '../free-port.ts';
import { copyWarmedHome, goodConfig } from './home-template.ts';
import { installedOpenClaw } from './openclaw-cache.ts';
import { newestVersion, runFolder } from './places.ts';

const version = process.argv[2] ?? newestVersion;
const rounds = 7;

const root = join(runFolder(), 'diagnosis');
const home = join(root, 'home');
mkdirSync(root, { recursive: true });
const port = await freePort();
await copyWarmedHome(version, home, port);
const prefix = await installedOpenClaw(version);
const packageRoot = join(prefix, 'lib', 'node_modules', 'openclaw');
const stateDir = join(home, '.openclaw');
const configPath = join(stateDir, 'openclaw.json');
const clock = systemClock();
const processes = createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock });
const env: Environment = { HOME: home, OPENCLAW_STATE_DIR: stateDir, OPENCLAW_CONFIG_PATH: configPath };
const programArguments = [
  process.execPath,
  join(packageRoot, 'dist', 'index.js'),
  'gateway',
  '--port',
  String(port),
];

const sightsOf = (wait: boolean) =>
  createGroundSights({
    clock,
    run,
    processes,
    uid: process.getuid?.() ?? 0,
    redact: (text) => text,
    place: () => ({
      label: 'ai.openclaw.gateway',
      stateDir,
      configPath,
      config: null,
      env,
      home,
      programArguments,
      job: null,
      node: process.execPath,
      packageRoot,
      version,
      prefix,
      profile: null,
      lockFiles: [],
      sqlite: join(stateDir, 'state', 'openclaw.sqlite'),
    }),
    wait,
    validatorTimeoutMs: () => defaultPolicy.validatorMs,
    onSettled: () => undefined,
  });

/** A config that parses and that OpenClaw refuses: each round another content, so that nothing is cached. */
async function once(wait: boolean, round: number): Promise<number> {
  writeFileSync(configPath, JSON.stringify({ ...goodConfig(port), [`bogus${round}`]: 1 }), { mode: 0o600 });
  const sights = sightsOf(wait);
  const began = clock.elapsed();
  const found = await sights.look({ depth: 'close', serving: false, servicePid: null, previous: null });
  const took = clock.elapsed() - began;
  const right = wait ? found.config.kind === 'faulty' : found.config.kind === 'sound';
  if (!right || found.dependencies.kind !== 'intact') {
    throw new Error(`not what was to be measured: ${JSON.stringify([found.config, found.dependencies])}`);
  }
  await sights.close();
  return took;
}

const samples = { without: [] as number[], with: [] as number[] };
for (let round = 0; round < rounds; round += 1) {
  samples.without.push(await once(false, round));
  samples.with.push(await once(true, rounds + round));
}
console.log(`${new Date().toISOString()}, ${machine()}, load average ${load()}, OpenClaw ${version}`);
console.log(
  `ground of a dead gateway, package looked through, validator not waited for: ${show(spreadOf(samples.without), 'ms')}`,
);
console.log(`the same with the validator's verdict: ${show(spreadOf(samples.with), 'ms')}`);
console.log(
  `ratio of the medians: ${digits(spreadOf(samples.with).median / spreadOf(samples.without).median)}`,
);
rmSync(root, { recursive: true, force: true });
