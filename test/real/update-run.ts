import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { GatewayHome } from './gateway-home.ts';
import { packageFolder } from './openclaw-cache.ts';

/** A writer of the gateway holds its lock for milliseconds; a starting one for longer. */
const busyTimeoutMs = 10_000;

/**
 * Writes what `openclaw update` writes while it runs: a row in the table OpenClaw's own program makes, by its own
 * statement. Gives back how to let that update succeed.
 */
export function beginUpdateRun(gateway: GatewayHome): () => void {
  const id = randomUUID();
  withDatabase(gateway, (database) => {
    database.exec(createUpdateRuns(packageFolder(gateway.prefix())));
    database
      .prepare(
        `INSERT INTO update_runs (run_id, created_at_ms, updated_at_ms, trigger, phase, status,
           origin_json, target_json, before_json, after_json, steps_json, verification_json, repair_json)
         VALUES (?, ?, ?, 'cli', 'activating', 'running', '{}', '{}', '{}', '{}', '[]', '{}', '{}')`,
      )
      .run(id, Date.now(), Date.now());
  });
  return () =>
    withDatabase(gateway, (database) => {
      const ended = database.prepare(
        `UPDATE update_runs SET status = 'succeeded', phase = 'finished', updated_at_ms = ?, finished_at_ms = ?
           WHERE run_id = ?`,
      );
      ended.run(Date.now(), Date.now(), id);
    });
}

function withDatabase(gateway: GatewayHome, work: (database: DatabaseSync) => void): void {
  const path = join(gateway.home, '.openclaw', 'state', 'openclaw.sqlite');
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    work(database);
  } finally {
    database.close();
  }
}

/** OpenClaw makes the table at its first update; the statement stands in its bundle, as the text of a string. */
function createUpdateRuns(folder: string): string {
  const dist = join(folder, 'dist');
  for (const name of readdirSync(dist)) {
    if (!name.endsWith('js')) continue;
    const found = /CREATE TABLE IF NOT EXISTS update_runs \([\s\S]*?\) STRICT;/.exec(
      readFileSync(join(dist, name), 'utf8'),
    );
    if (found !== null) return found[0].replaceAll('\\n', '\n');
  }
  throw new Error(`no CREATE TABLE of update_runs in ${dist}`);
}
