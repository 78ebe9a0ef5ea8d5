import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { GatewayHome } from '../gateway-home.ts';
import { newestVersion } from '../places.ts';
import { isAlive, signal, until } from '../processes.ts';
import { type Fault, nothingToUndo, runningPid } from './fault.ts';

// What earlier lives of the gateway left behind: unclean boots, a lock, a database.

/** A writer of the gateway holds its lock for milliseconds; a starting one for longer. */
const busyTimeoutMs = 10_000;
const bootTimeoutMs = 60_000;
const endTimeoutMs = 10_000;
/** OpenClaw holds its channels down from this many unclean boots in five minutes. */
const breakerBoots = 3;

const databaseOf = (gateway: GatewayHome): string =>
  join(gateway.home, '.openclaw', 'state', 'openclaw.sqlite');

function inDatabase<T>(gateway: GatewayHome, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(databaseOf(gateway), { timeout: busyTimeoutMs });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/**
 * Forgets the boots of other processes: the next fault must not meet a breaker that this one's crashes have tripped.
 * Versions without such a record have no breaker.
 */
export function forgetBoots(gateway: GatewayHome, keepPid: number | null): void {
  if (gateway.version !== newestVersion) return;
  inDatabase(gateway, (database) =>
    database.prepare('DELETE FROM gateway_boot_lifecycle WHERE pid IS NOT ?').run(keepPid),
  );
}

const bootsOf = (gateway: GatewayHome, pid: number): number =>
  inDatabase(gateway, (database) =>
    Number(
      database.prepare('SELECT count(*) AS n FROM gateway_boot_lifecycle WHERE pid = ?').get(pid)?.['n'] ?? 0,
    ),
  );

/**
 * Kills it as soon as its boot stands in the record, and lets launchd start the next. launchd names the pid of the one
 * before for a moment after its end: that one is not killed again. Gives the pid of the killed one.
 */
async function killUnclean(gateway: GatewayHome, before: number | null): Promise<number> {
  const pid = await until(
    'a new process',
    async () => {
      const now = await gateway.pid();
      return now === before ? null : now;
    },
    { timeoutMs: bootTimeoutMs },
  );
  await until(`the boot of ${pid} to be recorded`, () => (bootsOf(gateway, pid) > 0 ? true : null), {
    timeoutMs: bootTimeoutMs,
  });
  signal(pid, 'SIGKILL');
  await until(`process ${pid} to end`, () => (isAlive(pid) ? null : true), { timeoutMs: endTimeoutMs });
  await gateway.launchctl('kickstart', gateway.target);
  return pid;
}

export const history: readonly Fault[] = [
  {
    name: 'three unclean boots in five minutes',
    causes: ['channels-suppressed'],
    ends: ['tell', 'nothing'],
    versions: [newestVersion],
    inject: async (gateway) => {
      let killed: number | null = null;
      for (let boot = 0; boot < breakerBoots; boot += 1) killed = await killUnclean(gateway, killed);
      return nothingToUndo;
    },
  },
  {
    name: 'a lock left behind whose pid another program was given since',
    causes: ['crashed'],
    ends: ['nothing'],
    heals: true,
    versions: [newestVersion],
    inject: async (gateway) => {
      const pid = await runningPid(gateway);
      const folder = join(gateway.home, '.openclaw', 'tmp', `openclaw-${process.getuid?.() ?? 0}`);
      const lock = join(folder, 'gateway.state.lock');
      signal(pid, 'SIGKILL');
      // This process is as alive as can be, and no gateway.
      writeFileSync(lock, readFileSync(lock, 'utf8').replace(`"pid":${pid}`, `"pid":${process.pid}`));
      return nothingToUndo;
    },
  },
  {
    name: 'a database written by a newer OpenClaw',
    causes: ['schema-newer'],
    ends: ['alert'],
    versions: [newestVersion],
    inject: async (gateway) => {
      const pid = await runningPid(gateway);
      const version = inDatabase(gateway, (database) =>
        Number(database.prepare('PRAGMA user_version').get()?.['user_version']),
      );
      const write = (to: number) =>
        inDatabase(gateway, (database) => database.exec(`PRAGMA user_version = ${to}`));
      // Before its end: the next one is started at once, and must not meet our own hold on the database.
      write(version + 981);
      signal(pid, 'SIGKILL');
      return () => write(version);
    },
  },
];
