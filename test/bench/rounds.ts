import { setTimeout as sleep } from 'node:timers/promises';
import { cpuOf } from './proc.ts';
import { type Ground, waitServing } from './ground.ts';
import { startWatchdog } from './watchdog.ts';

/** One life of a watchdog: started beside a serving gateway, which is then killed under it. */
export interface Round {
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

export async function playRound(ground: Ground, name: string, bootTimeoutMs?: number): Promise<Round> {
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
      const opened = watchdog.journal().slice(lines).find((line) => line.state.incident !== null);
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
