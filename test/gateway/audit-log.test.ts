import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAuditLog, readAuditLog, recordsStops } from '../../src/gateway/audit-log.ts';

const cli = (action: string, mode: string, time: string): string =>
  `[2026-11-22T${time}.123Z] openclaw gateway lifecycle source=cli action=${action} mode=${mode} interactive=0`;
const stop = cli('stop', 'bootout', '10:00:00');
const start = cli('start', 'bootstrap', '10:05:00');
const attempt =
  '[2026-11-22T10:10:00Z] openclaw restart attempt source=handoff mode=park target=gui/501/ai.openclaw.gateway pid=77 interactive=0';
const parked = '[2026-11-22T10:10:01Z] openclaw service park done source=handoff interactive=0';
const restart =
  '[2026-11-22T10:15:00Z] openclaw restart attempt source=handoff mode=kickstart target=x pid=1 interactive=0';
const at = Date.parse('2026-11-22T10:00:00.123Z');

test.each([
  ['nothing', [], { kind: 'none' }],
  ['a stop', [stop], { kind: 'stop', at, line: stop }],
  ['a stop, then a start', [stop, start], { kind: 'none' }],
  ['a start, then a stop', [start, stop], { kind: 'stop', at, line: stop }],
  ['a stop, then a restart by the gateway', [stop, restart], { kind: 'none' }],
  ['a park', [attempt, parked], { kind: 'park', at: Date.parse('2026-11-22T10:10:01Z'), line: parked }],
  ['a park whose helper has not finished', [attempt], { kind: 'park', line: attempt }],
  ['a park, then a restart', [attempt, parked, restart], { kind: 'none' }],
  [
    'a park, then an operator’s stop',
    [attempt, parked, cli('stop', 'bootout', '11:00:00')],
    { kind: 'stop' },
  ],
  [
    'other programs’ words after a stop',
    [stop, 'Boot-out failed: 3: No such process', '[x] y'],
    { kind: 'stop' },
  ],
])('%s', (_name, lines, expected) => {
  expect(parseAuditLog(`${lines.join('\n')}\n`)).toMatchObject(expected);
});

test('only the tail of a long log is read, and a missing one records nothing', () => {
  const home = mkdtempSync(join(tmpdir(), 'audit-'));
  const path = join(home, 'gateway-restart.log');
  expect(readAuditLog(path)).toEqual({ kind: 'none' });
  writeFileSync(path, `${`${start}\n`.repeat(50_000)}${stop}\n`);
  expect(readAuditLog(path)).toMatchObject({ kind: 'stop', at });
  expect(readAuditLog(home)).toMatchObject({ kind: 'unknown' });
  rmSync(home, { recursive: true, force: true });
});

test.each([
  ['2026.9.6', true],
  ['2026.10.1', true],
  ['2027.1.0', true],
  ['2026.6.6', false],
  ['2026.4.29', false],
  ['2025.12.31', false],
  ['from-git', true],
])('whether %s writes a record of a stop: %s', (version, expected) => {
  expect(recordsStops(version)).toBe(expected);
});
