import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandOf } from '../../src/cli/install/names.ts';
import { atMost, digits, row, type Section, show, spreadOf } from './figures.ts';
import type { Ground } from './ground.ts';
import { type CpuTime, cpuOf, type Memory, memoryOf, statCpuMs } from './proc.ts';
import { startWatchdog } from './watchdog.ts';

const bareSocket = fileURLToPath(new URL('./bare-socket.mjs', import.meta.url));
/** The start is over, and V8 has given back what it took: it collects everything once, half a minute into idleness. */
const settleMs = 60_000;
const minuteMs = 60_000;
const goals = { cpuSecondsPerHour: 1, privateMb: 20 };

interface Floor {
  readonly name: string;
  readonly child: ChildProcess;
}

/** The watchdog and two bare Nodes side by side on one gateway, idle for whole minutes. */
export async function measureIdle(ground: Ground, minutes: number): Promise<Section> {
  const { flags } = commandOf('watchdog');
  const watchdog = startWatchdog(ground, 'idle');
  const floors: readonly Floor[] = [
    { name: 'bare Node, one ws', child: holdSocket(ground, []) },
    { name: "bare Node, one ws, the daemon's V8 options", child: holdSocket(ground, flags) },
  ];
  try {
    await watchdog.healthy();
    await sleep(settleMs);
    const pids = [watchdog.pid, ...floors.map(({ child }) => child.pid ?? 0)];
    const linesBefore = watchdog.journal().length;
    const childrenBefore = ground.children();
    const ticksBefore = statCpuMs(watchdog.pid);
    const readings: CpuTime[][] = [pids.map(cpuOf)];
    const from = performance.now();
    for (let minute = 1; minute <= minutes; minute += 1) {
      await sleep(from + minute * minuteMs - performance.now());
      readings.push(pids.map(cpuOf));
    }
    const hours = (performance.now() - from) / 3_600_000;
    const childrenAfter = ground.children();
    const ticksMs = statCpuMs(watchdog.pid) - ticksBefore;
    const memories = pids.map(memoryOf);
    const lines = watchdog.journal().length - linesBefore;
    if (lines > 0)
      console.log(`note: the journal grew by ${lines} lines, so the watchdog was not idle throughout`);

    const own = (index: number) => spreadOf(perHour(readings, index));
    const total = (at: CpuTime[][], index: number, key: keyof CpuTime): number =>
      (at.at(-1)?.[index]?.[key] ?? 0) - (at[0]?.[index]?.[key] ?? 0);
    const ownPerHour = total(readings, 0, 'ownMs') / 1_000 / hours;
    const launchctl = childrenAfter.launchctl - childrenBefore.launchctl;
    const tools = childrenAfter.tools - childrenBefore.tools;
    const childMs = total(readings, 0, 'childrenMs');
    const [mine, ...bare] = memories;
    if (mine === undefined) throw new Error('no memory was read');
    return {
      title: `Idle beside a healthy ${ground.name}`,
      method: [
        `\`immune daemon --foreground\` from the bundle with the launcher's options (\`${flags.join(' ')}\`), default policy, for ${minutes} minutes after ${settleMs / 1_000} s of settling;`,
        'processor time by /proc/PID/task/*/schedstat (all threads), a sample each minute, times 60;',
        'memory by /proc/PID/smaps_rollup at the end. The bare Nodes hold a connection to the same gateway at the same time.',
      ],
      rows: [
        row(
          'own processor time in an idle hour',
          `${digits(ownPerHour)} s whole run; each minute × 60: ${show(own(0), 's')}`,
          atMost(ownPerHour, goals.cpuSecondsPerHour, 's'),
        ),
        row('the same by user + system ticks of 10 ms', `${digits(ticksMs / 1_000 / hours)} s`),
        ...floors.map(({ name }, index) => row(`${name}: in an idle hour`, show(own(index + 1), 's'))),
        row('children started', `${launchctl} launchctl, ${tools} lsof/ps/netstat in ${minutes} min`),
        row(
          'processor time of children in an idle hour',
          `${digits(childMs / 1_000 / hours)} s (launchctl is the test double, a Node of its own; see "Children")`,
        ),
        row('private memory', memoryText(mine), atMost(mine.privateMb, goals.privateMb, 'MB')),
        ...bare.map((memory, index) => row(`${floors[index]?.name}`, memoryText(memory))),
      ],
    };
  } finally {
    for (const { child } of floors) child.kill('SIGKILL');
    await watchdog.stop();
  }
}

const perHour = (readings: readonly (readonly CpuTime[])[], index: number): readonly number[] =>
  readings.slice(1).map((reading, minute) => {
    const spentMs = (reading[index]?.ownMs ?? 0) - (readings[minute]?.[index]?.ownMs ?? 0);
    return (spentMs * 60) / 1_000;
  });

const memoryText = ({ privateMb, anonymousMb, pssMb, rssMb }: Memory): string =>
  `${digits(privateMb)} MB private (${digits(anonymousMb)} MB anonymous), ${digits(pssMb)} MB PSS, ${digits(rssMb)} MB RSS`;

function holdSocket(ground: Ground, flags: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...flags, bareSocket, `ws://127.0.0.1:${ground.port}`, ground.token], {
    env: { HOME: ground.home, PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
