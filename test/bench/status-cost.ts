import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atMost, row, type Section, show, spreadOf } from './figures.ts';
import { type Ground, label } from './ground.ts';
import { cpuOf } from './proc.ts';
import { furnish, placeOf } from './watchdog.ts';

const rounds = 15;
const goalMs = 200;
const timeoutMs = 30_000;

/** `immune status` when nothing runs: no gateway, no daemon, only a launchctl that knows no such job. */
export function measureStatus(ground: Ground): Section {
  // The double is a Node program; the real launchctl is a small binary. This one stands for it.
  const small = join(ground.root, 'small');
  mkdirSync(small, { recursive: true });
  const launchctl = join(small, 'launchctl');
  const refusal = 'Bad request.\\nCould not find service "%s" in domain for user gui: 501\\n';
  // No override is on record, as on a Mac where nobody has disabled anything.
  const enabled = `[ "$1" = print-disabled ] && printf '\\tdisabled services = {\\n\\t}\\n' && exit 0`;
  writeFileSync(launchctl, `#!/bin/sh\n${enabled}\nprintf '${refusal}' '${label}' >&2\nexit 113\n`);
  chmodSync(launchctl, 0o755);
  furnish(ground, 'down');
  const quick = { ...ground, settings: ground.settings.replaceAll(ground.launchctl, launchctl) };
  furnish(quick, 'down-small');

  const commands = {
    double: [[ground.bundle, 'status'], placeOf(ground, 'down')],
    small: [[ground.bundle, 'status'], placeOf(ground, 'down-small')],
    version: [[ground.bundle, '--version'], placeOf(ground, 'down')],
    bare: [['-e', '0'], placeOf(ground, 'down')],
  } as const;
  const names = Object.keys(commands) as (keyof typeof commands)[];
  const walls = new Map<string, number[]>(names.map((name) => [name, []]));
  const cpus = new Map<string, number[]>(names.map((name) => [name, []]));
  // One of each in turn, so that a busy moment of the machine meets them all.
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const [args, env] = commands[name];
      const before = cpuOf(process.pid).childrenMs;
      const from = performance.now();
      const ended = spawnSync(process.execPath, [...args], {
        env: { ...env },
        encoding: 'utf8',
        timeout: timeoutMs,
      });
      walls.get(name)?.push(performance.now() - from);
      cpus.get(name)?.push(cpuOf(process.pid).childrenMs - before);
      const wanted = name === 'double' || name === 'small' ? 3 : 0;
      if (ended.status !== wanted) throw new Error(`${name} ended with ${ended.status}: ${ended.stderr}`);
    }
  }
  const wall = (name: keyof typeof commands) => spreadOf(walls.get(name) ?? []);
  const text = (name: keyof typeof commands): string =>
    `${show(wall(name), 'ms')}; ${show(spreadOf(cpus.get(name) ?? []), 'ms')} processor time`;
  const ratio = (name: keyof typeof commands): string =>
    `; ${(wall(name).median / wall('bare').median).toFixed(1)} × bare Node`;
  return {
    title: '`immune status` with everything down',
    method: [
      `From before the process is made to after it ended, exit code 3 checked, ${rounds} of each in turn; no gateway, no daemon, no status.json.`,
      'Processor time includes the three launchctl calls of each status, in ticks of 10 ms.',
    ],
    rows: [
      row(
        '`immune status`, launchctl = the test double (a Node program)',
        text('double') + ratio('double'),
        atMost(wall('double').median, goalMs, 'ms'),
      ),
      row(
        '`immune status`, launchctl = four lines of sh',
        text('small') + ratio('small'),
        atMost(wall('small').median, goalMs, 'ms'),
      ),
      row('`immune --version`', text('version') + ratio('version')),
      row('bare `node -e 0`', text('bare')),
    ],
  };
}
