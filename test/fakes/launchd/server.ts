import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { millis } from '../../../src/core/time.ts';
import { systemClock } from '../../../src/system/clock.ts';
import type { Overrides } from '../../../src/system/embedded/job-run.ts';
import { createSupervisor } from '../../../src/system/embedded/supervisor.ts';
import { type Faults, readFaults, writeFaults } from './faults.ts';
import { type Answer, type Message, readConfig } from './link.ts';
import { failure, nothing } from './texts.ts';
import { perform } from './verbs.ts';

/** Without a job and without a call for this long nobody needs the server any more. */
const idleExitMs = 10 * 60_000;
const idleLookMs = 1_000;
/** When the fake is stopped, jobs get this long after SIGTERM, whatever their own exit time-out. */
const stopExitTimeOutMs = 1_000;

const [dir] = process.argv.slice(2);
if (dir === undefined) throw new Error('usage: server.ts <directory of the fake>');
await serve(dir);

async function serve(dir: string): Promise<void> {
  const config = readConfig(dir);
  if (!takeLock(dir)) return;
  let stopping = false;
  let lastCall = Date.now();
  const overrides = (): Overrides => {
    const faults = stopping ? null : readFaults(dir);
    if (faults === null) return { exitTimeOutMs: millis(stopExitTimeOutMs) };
    const length = (ms: number | null) => (ms === null ? undefined : millis(ms));
    return {
      throttleMs: length(faults.throttleMs),
      exitTimeOutMs: length(faults.exitTimeOutMs),
      startDelayMs: length(faults.startDelayMs),
      // launchd was measured never to restart what was bootstrapped from a session that is not Aqua.
      holdBackStarts: faults.pended || faults.managerName !== 'Aqua',
    };
  };
  const log = (sentence: string) => console.log(`${new Date().toISOString()} ${sentence}`);
  const supervisor = createSupervisor({ clock: systemClock(), log, overrides });
  const store = join(dir, 'disabled.json');
  if (existsSync(store)) {
    for (const [label, disabled] of JSON.parse(readFileSync(store, 'utf8')))
      supervisor.setDisabled(label, disabled);
  }
  const keepOverrides = () => {
    writeFileSync(`${store}.tmp`, JSON.stringify([...supervisor.overridden()]));
    renameSync(`${store}.tmp`, store);
  };

  const stop = async () => {
    stopping = true;
    await supervisor.stop();
  };
  const exit = () => {
    server.close();
    rmSync(config.socket, { force: true });
    rmSync(join(dir, 'server.pid'), { force: true });
    process.exit(0);
  };

  const carryOut = async (argv: readonly string[]): Promise<Answer> => {
    lastCall = Date.now();
    appendFileSync(join(dir, 'calls.jsonl'), `${JSON.stringify({ atMs: Date.now(), argv })}\n`);
    const [verb = ''] = argv;
    const faults = readFaults(dir);
    if (faults.hang.includes(verb)) return new Promise<never>(() => undefined);
    await sleep(faults.delayMs[verb] ?? 0);
    return (
      useUpFailure(dir, faults, argv) ?? perform({ uid: config.uid, supervisor, faults, keepOverrides }, argv)
    );
  };

  const handle = async (message: Message): Promise<Answer> => {
    if ('argv' in message) return carryOut(message.argv);
    if (message.control === 'stop') await stop();
    return nothing;
  };

  const server = createServer((socket) => {
    onLine(socket, (line) => {
      const message: Message = JSON.parse(line);
      handle(message).then(
        (answer) => {
          const leaves = 'control' in message && message.control === 'stop';
          socket.end(`${JSON.stringify(answer)}\n`, () => (leaves ? exit() : undefined));
        },
        (error) => {
          console.error(error);
          socket.destroy();
        },
      );
    });
  });
  rmSync(config.socket, { force: true });
  mkdirSync(dirname(config.socket), { recursive: true });
  server.listen(config.socket);
  process.on('SIGTERM', () => void stop().then(exit));

  for (;;) {
    await sleep(idleLookMs);
    // A test that removed its directory without saying goodbye must not leave processes behind.
    const abandoned = !existsSync(join(dir, 'fake.json'));
    const idle = supervisor.labels().length === 0 && Date.now() - lastCall > idleExitMs;
    if (!abandoned && !idle) continue;
    await stop();
    exit();
  }
}

function onLine(socket: Socket, take: (line: string) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  // A client killed by its caller's deadline goes away in the middle; that is its caller's business.
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end === -1) return;
    const line = text.slice(0, end);
    text = '';
    take(line);
  });
}

function useUpFailure(dir: string, faults: Faults, argv: readonly string[]): Answer | null {
  const [verb = ''] = argv;
  const planned = faults.failures[verb];
  if (planned === undefined || planned.times <= 0) return null;
  const failures = { ...faults.failures, [verb]: { ...planned, times: planned.times - 1 } };
  writeFaults(dir, { ...faults, failures });
  const label = (argv.at(-1) ?? '').split('/').at(-1) ?? '';
  const usual = failure(verb, planned.code, label);
  return planned.stderr === undefined ? usual : { ...usual, stderr: planned.stderr };
}

/** One server per fake: several first calls may each have started one. */
function takeLock(dir: string): boolean {
  const path = join(dir, 'server.pid');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return true;
    } catch {
      // Somebody holds it: a live server keeps it, a dead one's is removed.
      const holder = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
      if (holder > 0 && isAlive(holder)) return false;
      rmSync(path, { force: true });
    }
  }
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // Only servers of the same user take this lock, so any error means it is gone.
    return false;
  }
}
