import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, instant, millis } from '../../src/core/time.ts';
import { createLogSight } from '../../src/probes/log-sight.ts';

let folder: string;
let log: string;
let now: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-sight-'));
  log = join(folder, 'gateway.log');
  now = Date.now();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const clock: Clock = {
  now: () => instant(now),
  elapsed: () => millis(0),
  sleep: async () => undefined,
};
const sight = (files: readonly string[] = [log]) =>
  createLogSight({
    clock,
    files: () => files,
    stateDir: () => folder,
    sqlite: () => join(folder, 'openclaw.sqlite'),
    version: () => '2026.9.6',
    redact: (text) => text,
  });
const line = (text: string, agoMs = 0): string => `${new Date(now - agoMs).toISOString()} ${text}\n`;
const port = (n: number, agoMs = 0): string => line(`Port ${n} is already in use.`, agoMs);
const texts = async (looks: ReturnType<typeof sight>): Promise<readonly string[] | string> => {
  const { log: found } = await looks.look({ serving: false });
  return found.kind === 'read' ? found.findings.map(({ text }) => text) : found.kind;
};
const oldPort = ['Port 1 is already in use.'];
const newPort = ['Port 2 is already in use.'];

test('a serving gateway’s log is not read', async () => {
  writeFileSync(log, port(1));
  expect(await sight().look({ serving: true })).toMatchObject({ log: { kind: 'unread' } });
});

test('what is passed over is no news later', async () => {
  writeFileSync(log, port(1));
  const looks = sight();
  await looks.pass();
  expect(await texts(looks)).toEqual([]);
  appendFileSync(log, port(2));
  expect(await texts(looks)).toEqual(newPort);
});

test('every look while it is down tells the same, and serving again ends it', async () => {
  const looks = sight();
  writeFileSync(log, '');
  await looks.pass();
  appendFileSync(log, port(2));
  expect(await texts(looks)).toEqual(newPort);
  now += 3_600_000;
  expect(await texts(looks)).toEqual(newPort);
  await looks.pass();
  expect(await texts(looks)).toEqual([]);
});

test('a log that appears after the gateway served is news from its beginning, however old its lines', async () => {
  const looks = sight();
  await looks.pass();
  writeFileSync(log, port(1, 7_200_000));
  expect(await texts(looks)).toEqual(oldPort);
});

test('a rotated log is read from its beginning, also when it has grown beyond the mark', async () => {
  writeFileSync(log, 'x'.repeat(50));
  const looks = sight();
  await looks.pass();
  renameSync(log, `${log}.1`);
  writeFileSync(log, `${port(2)}${line('[gateway] starting...').repeat(10)}`);
  expect(await texts(looks)).toEqual(newPort);
});

test('a log that was cut to nothing is read from its beginning', async () => {
  writeFileSync(log, 'x'.repeat(500));
  const looks = sight();
  await looks.pass();
  truncateSync(log);
  appendFileSync(log, port(2));
  expect(await texts(looks)).toEqual(newPort);
});

test('of a flood of lines only the last 256 KiB are read, from a whole line on', async () => {
  const looks = sight();
  writeFileSync(log, '');
  await looks.pass();
  const noise = line('[gateway] starting...');
  writeFileSync(log, port(1) + noise.repeat(Math.ceil(300_000 / noise.length)) + line('openclaw: done'));
  expect(await texts(looks)).toEqual([]);
  appendFileSync(log, port(2));
  expect(await texts(looks)).toEqual(newPort);
});

test('without having seen it serve, lines of the last quarter of an hour count, and no older ones', async () => {
  writeFileSync(
    log,
    line('Missing config. Run `openclaw setup` or set it', 16 * 60_000) +
      port(2, 14 * 60_000) +
      line('[gateway] x'),
  );
  const looks = sight();
  expect(await texts(looks)).toEqual(newPort);
  // The gateway is parked and writes nothing more: what was found does not fade away.
  now += 3_600_000;
  expect(await texts(looks)).toEqual(newPort);
});

test('without a mark only the last 64 KiB are read', async () => {
  const noise = line('[gateway] starting...');
  writeFileSync(log, port(1) + noise.repeat(Math.ceil(70_000 / noise.length)));
  expect(await texts(sight())).toEqual([]);
});

test('where the piece begins within a line, the rest of that line is nothing anybody said', async () => {
  const quoted = 'Port 1 is already in use.\n';
  for (const length of [65_535, 65_536]) {
    const rest = 'x'.repeat(length - quoted.length - 1);
    writeFileSync(log, `${line('[telegram]').trimEnd()} ${quoted}${rest}\n`);
    expect(await texts(sight())).toEqual([]);
  }

  writeFileSync(log, line('[telegram]').trimEnd());
  const looks = sight();
  await looks.pass();
  appendFileSync(log, `\n${port(2)}`);
  expect(await texts(looks)).toEqual(newPort);
  await looks.pass();
  appendFileSync(log, quoted.slice(0, 1));
  await looks.pass();
  appendFileSync(log, quoted.slice(1).trimEnd());
  expect(await texts(looks)).toEqual([]);
});

test('early lines without any timestamp count when the file is young, and not when it is old', async () => {
  writeFileSync(log, 'openclaw requires Node >=22.19.0.\n');
  expect(await texts(sight())).toHaveLength(1);
  utimesSync(log, now / 1_000 - 3_600, now / 1_000 - 3_600);
  expect(await texts(sight())).toEqual([]);
});

test('a log that is missing or is no file leaves the question open, unless another can be read', async () => {
  const { log: missing } = await sight().look({ serving: false });
  expect(missing).toMatchObject({ kind: 'unknown', because: expect.stringContaining(log) });
  mkdirSync(log);
  expect(await sight().look({ serving: false })).toMatchObject({ log: { kind: 'unknown' } });
  expect((await sight([]).look({ serving: false })).log).toMatchObject({ kind: 'unknown' });
  const other = join(folder, 'gateway.err.log');
  writeFileSync(other, port(2));
  expect(await texts(sight([log, other]))).toEqual(newPort);
});

const record = (message: string, agoMs: number, kind = 'startup_failed'): void => {
  const at = new Date(now - agoMs).toISOString();
  mkdirSync(join(folder, 'logs', 'stability'), { recursive: true });
  const name = `openclaw-stability-${at.replace(/[:.]/g, '-')}-77-gateway.${kind}.json`;
  const bundle = {
    version: 1,
    generatedAt: at,
    reason: `gateway.${kind}`,
    error: { name: 'Error', message },
  };
  writeFileSync(join(folder, 'logs', 'stability', name), JSON.stringify(bundle));
};

test('a start that OpenClaw recorded as failed is found where the console’s errors are thrown away', async () => {
  record('Invalid config at /x.\n<root>: Invalid input', 60_000);
  record('gateway restart-loop breaker tripped', 0, 'crash_loop_breaker');
  const found = 'Gateway failed to start: Invalid config at /x. <root>: Invalid input';
  expect(await texts(sight())).toEqual([found]);
  writeFileSync(log, line('[gateway] starting...'));
  expect(await texts(sight())).toEqual([found]);
});

test('a recorded failure counts after the gateway served only when it is newer than that', async () => {
  record("Cannot find package 'ws' imported from y", 60_000);
  writeFileSync(log, '');
  const looks = sight();
  await looks.pass();
  expect(await texts(looks)).toEqual([]);
  record("Cannot find package 'zod' imported from y", 1_000);
  expect(await texts(looks)).toEqual(["Gateway failed to start: Cannot find package 'zod' imported from y"]);
});

test('a recorded failure that is old, torn or huge is none', async () => {
  writeFileSync(log, '');
  record('too long ago', 16 * 60_000);
  expect(await texts(sight())).toEqual([]);
  record('x'.repeat(70_000), 1_000);
  expect(await texts(sight())).toEqual([]);
  const torn = `openclaw-stability-${new Date(now).toISOString().replace(/[:.]/g, '-')}-77-gateway.startup_failed.json`;
  writeFileSync(join(folder, 'logs', 'stability', torn), '{"generatedAt":');
  expect(await texts(sight())).toEqual([]);
});

test('the boot row is told at each look, the channels only while the gateway serves', async () => {
  const db = new DatabaseSync(join(folder, 'openclaw.sqlite'));
  db.exec(`CREATE TABLE gateway_boot_lifecycle (boot_id TEXT, pid INTEGER, started_at_ms INTEGER,
    completed_at_ms INTEGER, outcome TEXT, startup_reason TEXT, reason TEXT);
    INSERT INTO gateway_boot_lifecycle VALUES ('a', 7, ${now}, NULL, NULL, 'gateway.crash_loop_breaker', NULL)`);
  db.close();
  const boot = {
    kind: 'row',
    pid: 7,
    startedAt: now,
    outcome: 'running',
    reason: 'gateway.crash_loop_breaker',
  };
  expect(await sight().look({ serving: true })).toMatchObject({ boot, channels: { kind: 'suppressed' } });
  expect(await sight().look({ serving: false })).toMatchObject({ boot, channels: { kind: 'unread' } });
  expect(await sight().look({ serving: true, rpcHealth: { channels: {} } })).toMatchObject({
    channels: { kind: 'normal' },
  });
});
