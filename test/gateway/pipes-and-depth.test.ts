import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAuditLog } from '../../src/gateway/audit-log.ts';
import { readGatewayConfig } from '../../src/gateway/config-file.ts';
import { readText } from '../../src/gateway/read-text.ts';
import { readRows } from '../../src/gateway/sqlite.ts';

/** Places where a file should be: what else may lie there must never hold up the watchdog, nor end it. */
let folder: string;
let pipe: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipes-'));
  pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a named pipe that nobody writes to', () => {
  const query = { table: 'update_runs', sql: 'SELECT 1' };

  it('is no text', () => {
    expect(readText(pipe)).toBeNull();
  });

  it('is a database nothing can be told of, and in a shared folder not ours', async () => {
    expect(await readRows(pipe, query)).toMatchObject({ kind: 'unknown' });
    expect(await readRows(pipe, { ...query, shared: true })).toEqual({ kind: 'rows', rows: [] });
  });

  it('is an audit log nothing can be told of', () => {
    expect(readAuditLog(pipe)).toMatchObject({ kind: 'unknown' });
  });
});

it('a config nested beyond all reason is invalid, and no bug of ours', () => {
  const path = join(folder, 'openclaw.json');
  const depth = 20_000;
  writeFileSync(path, `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  expect(readGatewayConfig(path, {})).toMatchObject({ kind: 'invalid' });
});
