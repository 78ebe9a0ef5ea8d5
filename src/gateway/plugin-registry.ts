import { join } from 'node:path';
import { readJson } from './file-look.ts';
import { readRows } from './sqlite.ts';

/** One plugin that OpenClaw installed, as its own registry has it. */
export interface PluginRecord {
  readonly id: string;
  /** The very package in use: an older generation of the same plugin may lie beside it, broken and unused. */
  readonly installPath: string;
}

export type PluginRegistry =
  | { readonly kind: 'records'; readonly records: readonly PluginRecord[] }
  /** No OpenClaw of this state directory ever wrote one. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly because: string };

/** More plugins than OpenClaw's catalogue has. */
const maxRecords = 500;

/**
 * Every external plugin that is not switched off. The registry is kept in the state database: 2026.9.6 has it as one of
 * its machine states, 2026.6 as a table of its own; before that it was a file.
 */
export async function readPluginRegistry(stateDir: string): Promise<PluginRegistry> {
  const database = join(stateDir, 'state', 'openclaw.sqlite');
  for (const { table, records, plugins, where } of homes) {
    const rows = await readRows(database, {
      table,
      sql: `SELECT record.key AS id, json_extract(record.value, '$.installPath') AS path,
          (SELECT json_extract(plugin.value, '$.enabled') FROM json_each(${plugins}) AS plugin
            WHERE json_extract(plugin.value, '$.pluginId') = record.key LIMIT 1) AS enabled
        FROM ${table} LEFT JOIN json_each(${records}) AS record WHERE ${where} LIMIT ${maxRecords}`,
    });
    if (rows.kind === 'unknown') return rows;
    // A registry without plugins has one row without a name: what is older than it no longer counts.
    if (rows.rows.length > 0) {
      // A plugin the index does not list may be one it just lost: it counts as in use.
      const used = rows.rows.filter((row) => row['enabled'] !== 0);
      return { kind: 'records', records: used.flatMap(({ id, path }) => recordOf(id, path)) };
    }
  }
  return readLegacyFile(join(stateDir, 'plugins', 'installs.json'));
}

const homes = [
  {
    table: 'config_machine_state',
    records: "value_json, '$.index.installRecords'",
    plugins: "value_json, '$.index.plugins'",
    where: "state_key = 'plugins.installedIndex'",
  },
  {
    table: 'installed_plugin_index',
    records: 'install_records_json',
    plugins: 'plugins_json',
    where: "index_key = 'installed-plugin-index'",
  },
] as const;

async function readLegacyFile(path: string): Promise<PluginRegistry> {
  const read = await readJson(path);
  if (read.kind === 'absent') return { kind: 'none' };
  if (read.kind === 'torn') return { kind: 'unknown', because: read.because };
  const { installRecords } = (read.value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof installRecords !== 'object' || installRecords === null) return { kind: 'none' };
  const entries = Object.entries(installRecords as Readonly<Record<string, unknown>>).slice(0, maxRecords);
  const records = entries.flatMap(([id, record]) =>
    recordOf(id, ((record ?? {}) as Readonly<Record<string, unknown>>)['installPath']),
  );
  return { kind: 'records', records };
}

const recordOf = (id: unknown, path: unknown): readonly PluginRecord[] =>
  typeof id === 'string' && typeof path === 'string' ? [{ id, installPath: path }] : [];
