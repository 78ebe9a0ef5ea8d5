import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { type BootRow, newestBoot, readBootHistory } from '../../src/gateway/boot-history.ts';
import { readChannels } from '../../src/gateway/channels.ts';
import { createRedactor } from '../../src/system/redact.ts';

const same = (text: string): string => text;

describe('the boot history', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'boots-'));
    path = join(folder, 'openclaw.sqlite');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const database = (sql: string): void => {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  };
  const table = `CREATE TABLE gateway_boot_lifecycle (boot_id TEXT PRIMARY KEY, pid INTEGER, started_at_ms INTEGER,
    completed_at_ms INTEGER, outcome TEXT, startup_reason TEXT, reason TEXT);`;

  test('a missing file and a missing table are no history', async () => {
    expect(await readBootHistory(path)).toEqual({ kind: 'none' });
    database('CREATE TABLE other (x)');
    expect(await readBootHistory(path)).toEqual({ kind: 'none' });
    expect(newestBoot({ kind: 'none' }, same)).toEqual({ kind: 'none' });
  });

  test('a file that is no database is unknown', async () => {
    database('CREATE TABLE other (x)');
    rmSync(path);
    const { writeFileSync } = await import('node:fs');
    writeFileSync(path, 'not a database at all, and long enough to be looked at '.repeat(40));
    expect(await readBootHistory(path)).toMatchObject({
      kind: 'unknown',
      because: expect.stringContaining(path),
    });
  });

  test('the newest row is told, on one line, redacted and cut', async () => {
    const redactor = createRedactor();
    redactor.register('a-secret-of-the-gateway');
    const reason = `Cannot find\n  package 'ws' a-secret-of-the-gateway ${'x'.repeat(400)}`;
    database(`${table} INSERT INTO gateway_boot_lifecycle VALUES
      ('b', 12, 2000, 2500, 'startup_failed', NULL, '${reason.replaceAll("'", "''")}'),
      ('a', 11, 1000, 1500, 'clean_stop', NULL, 'stop (SIGTERM)')`);
    const boot = newestBoot(await readBootHistory(path), redactor.redact);
    expect(boot).toMatchObject({ kind: 'row', pid: 12, startedAt: 2000, outcome: 'startup_failed' });
    const told = boot.kind === 'row' ? boot.reason : null;
    expect(told).toMatch(/^Cannot find package 'ws' \[redacted\] x+$/);
    expect(told).toHaveLength(300);
  });

  test('a row without an outcome is running, and its reason is why it started as it did', async () => {
    database(`${table} INSERT INTO gateway_boot_lifecycle VALUES
      ('a', 11, 1000, NULL, NULL, 'gateway.crash_loop_breaker', NULL)`);
    expect(newestBoot(await readBootHistory(path), same)).toEqual({
      kind: 'row',
      pid: 11,
      startedAt: 1000,
      outcome: 'running',
      reason: 'gateway.crash_loop_breaker',
    });
  });

  test('a table with fewer columns is read as far as it goes', async () => {
    database(`CREATE TABLE gateway_boot_lifecycle (boot_id TEXT, started_at_ms INTEGER);
      INSERT INTO gateway_boot_lifecycle VALUES ('a', 1000)`);
    expect(await readBootHistory(path)).toMatchObject({
      kind: 'rows',
      rows: [{ startedAt: 1000, pid: null }],
    });
  });
});

describe('channels under the restart-loop breaker', () => {
  const t0 = 1_795_358_000_000;
  const row = (atS: number, more: Partial<BootRow> = {}): BootRow => ({
    pid: 1,
    startedAt: instant(t0 + atS * 1_000),
    completedAt: null,
    outcome: null,
    startupReason: null,
    reason: null,
    ...more,
  });
  const ended = (atS: number, outcome: string, more: Partial<BootRow> = {}): BootRow =>
    row(atS, { outcome, completedAt: instant(t0 + (atS + 5) * 1_000), ...more });
  const read = (rows: readonly BootRow[], more: { rpcHealth?: unknown; nowS?: number } = {}) =>
    readChannels({
      now: instant(t0 + (more.nowS ?? 100) * 1_000),
      history: { kind: 'rows', rows: [...rows].sort((one, other) => other.startedAt - one.startedAt) },
      version: '2026.9.6',
      rpcHealth: more.rpcHealth,
    });

  // The rows as 2026.9.6 left them (docs/measured.md): three kills, and the fourth boot.
  const killed = [row(21), row(41), row(60)];
  const breaker = row(82, { startupReason: 'gateway.crash_loop_breaker' });

  test('three kills and a fourth boot hold them down until the gateway’s monitor looks again', () => {
    expect(read([...killed, breaker])).toEqual({
      kind: 'suppressed',
      until: t0 + (82 + 390) * 1_000,
      because: expect.stringContaining('restart-loop breaker'),
    });
  });

  test('a clean restart within the window leaves no mark, and is still held down', () => {
    const stopped = ended(82, 'clean_stop', { startupReason: 'gateway.crash_loop_breaker' });
    expect(read([...killed, stopped, row(114)]).kind).toBe('suppressed');
  });

  test('they are back once the gateway has written that it recovered', () => {
    const stable = { ...breaker, outcome: 'safe_mode_stable', completedAt: instant(t0 + 447_000) };
    const rows = [...killed, stable, row(447, { startupReason: 'gateway.crash_loop_recovered' })];
    expect(read(rows, { nowS: 460 })).toEqual({ kind: 'normal' });
  });

  test('when the time is over and nothing has happened, nobody knows until when', () => {
    expect(read([...killed, breaker], { nowS: 82 + 400 })).toMatchObject({ kind: 'suppressed', until: null });
  });

  test.each([
    ['two kills', [row(21), row(41), row(82)]],
    [
      'three clean stops',
      [ended(10, 'clean_stop'), ended(30, 'clean_stop'), ended(50, 'clean_stop'), row(82)],
    ],
    ['three kills long ago', [row(-400), row(-380), row(-360), row(82)]],
    [
      'starts that failed for maintenance, which OpenClaw does not count',
      [1, 2, 3]
        .map((n) => ended(n, 'startup_failed', { startupReason: 'gateway.maintenance_required' }))
        .concat(row(82)),
    ],
    ['one boot alone', [row(82)]],
  ])('%s do not trip it', (_name, rows) => {
    expect(read(rows)).toEqual({ kind: 'normal' });
  });

  test('three starts that failed trip it as three kills do', () => {
    const failed = [1, 2, 3].map((n) => ended(n * 10, 'startup_failed'));
    expect(read([...failed, row(82)]).kind).toBe('suppressed');
  });

  test('a newest row that has ended belongs to another process, and tells nothing', () => {
    expect(read([ended(82, 'startup_failed')]).kind).toBe('unknown');
  });

  test.each([
    ['2026.6.6', 'normal'],
    ['2026.4.29', 'normal'],
    ['2026.7.1', 'unknown'],
    ['2026.9.6', 'unknown'],
    [null, 'unknown'],
  ])('without any row, version %s is %s', (version, kind) => {
    const now = instant(t0);
    expect(readChannels({ now, history: { kind: 'none' }, version }).kind).toBe(kind);
  });

  const telegram = (account: object) => ({
    ok: true,
    channels: {
      telegram: { configured: true, accounts: { default: { enabled: true, configured: true, ...account } } },
    },
  });
  const message =
    'gateway restart-loop breaker tripped: 3 unclean boot(s) within 300000ms; suppressing channel/provider';

  test('health names the channel that is held down', () => {
    const rpcHealth = telegram({ running: false, lastError: message });
    expect(read([...killed, breaker], { rpcHealth })).toMatchObject({
      kind: 'suppressed',
      until: t0 + 472_000,
      because: expect.stringContaining('telegram'),
    });
    expect(read([row(82)], { rpcHealth })).toMatchObject({ kind: 'suppressed', until: null });
  });

  test('a channel somebody started by hand is not held down, nor is one that is not there', () => {
    expect(read([...killed, breaker], { rpcHealth: telegram({ running: true, lastError: null }) }).kind).toBe(
      'normal',
    );
    expect(read([...killed, breaker], { rpcHealth: { ok: true, channels: {} } }).kind).toBe('normal');
    expect(
      read([...killed, breaker], { rpcHealth: telegram({ running: false, lastError: null }) }).kind,
    ).toBe('suppressed');
  });

  test('health decides where the rows cannot be read', () => {
    const history = { kind: 'unknown', because: 'locked' } as const;
    const now = instant(t0);
    const rpcHealth = telegram({ running: true });
    expect(readChannels({ now, history, version: null }).kind).toBe('unknown');
    expect(readChannels({ now, history, version: null, rpcHealth }).kind).toBe('normal');
  });

  test.each([[null], ['text'], [[]], [{ channels: null }], [{ channels: ['x'] }]])(
    'a payload that is none, %j, changes nothing',
    (rpcHealth) => {
      expect(read([...killed, breaker], { rpcHealth }).kind).toBe('suppressed');
    },
  );
});
