import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandOf } from '../../src/cli/install/names.ts';
import { findTool } from '../demo/tools.ts';
import { digits, type Row, row, type Section, type Spread, show, spreadOf } from './figures.ts';
import { type Ground, label } from './ground.ts';
import type { LookCosts } from './probe-child.ts';
import { cpuOf } from './proc.ts';
import { furnish } from './watchdog.ts';

const probeChild = fileURLToPath(new URL('./probe-child.ts', import.meta.url));
const timeoutMs = 120_000;
const childRounds = 20;

/** A command that does the same job by other means, on the same gateway. */
export interface Rival {
  readonly name: string;
  readonly rounds: number;
  run(): void;
}

export function measureProbes(ground: Ground, rivals: readonly Rival[]): Section {
  const { flags } = commandOf('watchdog');
  const config = join(furnish(ground, 'probe'), 'config.json5');
  const output = execFileSync(process.execPath, [...flags, probeChild, config], {
    env: { HOME: ground.home, PATH: '/usr/bin:/bin' },
    encoding: 'utf8',
    timeout: timeoutMs,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const costs = JSON.parse(output) as LookCosts;
  const light = spreadOf(costs.light.map((each) => each.cpuMs));
  const deep = spreadOf(costs.deep.map((each) => each.cpuMs + each.childrenMs));
  const deepOwn = spreadOf(costs.deep.map((each) => each.cpuMs));
  return {
    title: `One probe of a ${ground.name}`,
    method: [
      "The daemon's own eyes in a process with the daemon's V8 options, a connection held; a look is /healthz plus the state of the held connection, a deep look adds launchctl, lsof, ps, a fresh connection with `health`, /readyz, and the files the gateway stands on.",
      'Wall and processor time of each; the first five are not counted. Rivals are whole processes, children included.',
    ],
    rows: [
      row('one look: wall', show(spreadOf(costs.light.map((each) => each.wallMs)), 'ms')),
      row('one look: processor time', show(light, 'ms')),
      row('one deep look: wall', show(spreadOf(costs.deep.map((each) => each.wallMs)), 'ms')),
      row('one deep look: own processor time', show(deepOwn, 'ms')),
      row(
        'one deep look: processor time of its children (ticks of 10 ms)',
        show(spreadOf(costs.deep.map((each) => each.childrenMs)), 'ms'),
      ),
      ...children(ground),
      ...rivals.flatMap((rival) => against(rival, light, deep)),
    ],
  };
}

/** What a child costs on this machine: the double is a Node program, the real launchctl is not. */
function children(ground: Ground): readonly Row[] {
  const uid = process.getuid?.() ?? 0;
  const lsof = findTool('lsof');
  const commands: readonly (readonly [string, string, readonly string[]])[] = [
    ['child: `launchctl print` of the test double', ground.launchctl, ['print', `gui/${uid}/${label}`]],
    ...(lsof === null
      ? []
      : ([['child: lsof', lsof, ['-nP', `-iTCP:${ground.port}`, '-sTCP:LISTEN', '-Fpcun']]] as const)),
  ];
  return commands.map(([name, file, args]) => {
    const one = timed(childRounds, () => spawnSync(file, [...args], { env: {}, timeout: timeoutMs }));
    return row(name, `${show(one.wall, 'ms')} wall; ${digits(one.cpuMeanMs)} ms processor time on average`);
  });
}

function against(rival: Rival, light: Spread, deep: Spread): readonly Row[] {
  const { wall, cpuMeanMs } = timed(rival.rounds, rival.run);
  const times = (own: number): string => `${(cpuMeanMs / own).toFixed(0)} ×`;
  return [
    row(`${rival.name}: wall`, show(wall, 'ms')),
    row(
      `${rival.name}: processor time`,
      `${digits(cpuMeanMs)} ms on average: ${times(light.median)} a look, ${times(deep.median)} a deep look with its children`,
    ),
  ];
}

function timed(rounds: number, run: () => void): { readonly wall: Spread; readonly cpuMeanMs: number } {
  const before = cpuOf(process.pid).childrenMs;
  const walls: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const from = performance.now();
    run();
    walls.push(performance.now() - from);
  }
  return { wall: spreadOf(walls), cpuMeanMs: (cpuOf(process.pid).childrenMs - before) / rounds };
}
