import { setTimeout as sleep } from 'node:timers/promises';
import { atMost, row, type Section, show, spreadOf } from './figures.ts';
import { type Ground, waitServing } from './ground.ts';
import { cpuOf } from './proc.ts';
import { startWatchdog } from './watchdog.ts';

/** One life of a watchdog: started beside a serving gateway, which is then killed under it. */
interface Round {
  readonly heldMs: number;
  readonly startCpuMs: number;
  /** From the signal to the moment the journal line of the incident bears. */
  readonly incidentMs: number;
  /** From the signal to the moment that line stood in the file, fsynced or about to be. */
  readonly journaledMs: number;
  readonly openedBy: string;
  readonly stopMs: number;
}

const incidentWithinMs = 60_000;
/** Between healthy and the kill, so that nothing of the start is still going on. */
const settleMs = 2_000;
const pollMs = 2;

async function playRound(ground: Ground, name: string, bootTimeoutMs?: number): Promise<Round> {
  await waitServing(ground, bootTimeoutMs);
  const watchdog = startWatchdog(ground, name);
  try {
    const status = await watchdog.healthy();
    const socket = status.evidence?.socket;
    if (socket?.kind !== 'open') throw new Error('healthy without a held connection');
    const startCpuMs = cpuOf(watchdog.pid).ownMs;
    await sleep(settleMs);
    const pid = await ground.pid();
    if (pid === null) throw new Error(`the ${ground.name} has no process`);
    const lines = watchdog.journal().length;
    let bytes = watchdog.journalBytes();
    const killedAtMs = Date.now();
    process.kill(pid, 'SIGKILL');
    while (Date.now() - killedAtMs < incidentWithinMs) {
      await sleep(pollMs);
      if (watchdog.journalBytes() === bytes) continue;
      const seenAtMs = Date.now();
      bytes = watchdog.journalBytes();
      const opened = watchdog
        .journal()
        .slice(lines)
        .find((line) => line.state.incident !== null);
      if (opened === undefined) continue;
      return {
        heldMs: socket.since - watchdog.spawnedAtMs,
        startCpuMs,
        incidentMs: opened.at - killedAtMs,
        journaledMs: seenAtMs - killedAtMs,
        openedBy: opened.because,
        stopMs: await watchdog.stop(),
      };
    }
    throw new Error(`no incident within ${incidentWithinMs} ms of the kill`);
  } finally {
    await watchdog.stop();
  }
}

const goalMs = 250;

export async function measureRounds(
  ground: Ground,
  { rounds, bootTimeoutMs }: { readonly rounds: number; readonly bootTimeoutMs?: number },
): Promise<Section> {
  const played: Round[] = [];
  for (let round = 1; round <= rounds; round += 1)
    played.push(await playRound(ground, `round-${round}`, bootTimeoutMs));
  const spread = (key: 'heldMs' | 'startCpuMs' | 'incidentMs' | 'journaledMs' | 'stopMs') =>
    spreadOf(played.map((each) => each[key]));
  const reasons = [...new Set(played.map((each) => each.openedBy))];
  return {
    title: `Start of the watchdog, and kill -9 of a ${ground.name}`,
    method: [
      `${rounds} rounds: a new watchdog beside a serving gateway; once it calls the gateway healthy, 2 s of quiet, then SIGKILL to the gateway's process.`,
      'Held: from before the process is made to hello-ok on the authenticated socket (`since` in status.json), the proof of the listener by launchctl and lsof included.',
      `Incident: from the signal to the time in the journal line that opens it (all clocks are the same wall clock). Opened because: ${reasons.join(' / ')}.`,
    ],
    rows: [
      row('exec to first held socket', show(spread('heldMs'), 'ms')),
      row('processor time until healthy', show(spread('startCpuMs'), 'ms')),
      row(
        'kill -9 to incident opened',
        show(spread('incidentMs'), 'ms'),
        atMost(spread('incidentMs').median, goalMs, 'ms'),
      ),
      row('kill -9 to its line in the journal file', show(spread('journaledMs'), 'ms')),
      row('SIGTERM to the end of the watchdog', show(spread('stopMs'), 'ms')),
    ],
  };
}
