import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../system/file-failure.ts';
import { readUserVersion } from './sqlite.ts';

/** The schema versions an OpenClaw has left behind: what opens them must not be older. */
export type StateDatabases =
  | {
      readonly kind: 'read';
      /** `PRAGMA user_version` by the path below the state directory. */
      readonly versions: Readonly<Record<string, number>>;
      /** Paths of those that do not tell it now: locked, damaged, or closed to us. */
      readonly unread: readonly string[];
    }
  | { readonly kind: 'unknown'; readonly because: string };

/** Agents have theirs at agents/<id>/agent/openclaw-agent.sqlite, plugins two folders deeper. */
const maxDepth = 7;
/** An agent has a handful; a machine has some dozens of agents. */
const maxDatabases = 500;
/** Far beyond what lies there besides sessions, media and logs, which hold no databases. */
const maxEntries = 100_000;
/** Installed code, copies of before, what agents work on, files of years, and the locks a live gateway holds. */
const passedOver = /^(?:npm|tmp|backups|workspace[^/]*)$|(?:^|\/)(?:node_modules|\.git|sessions|media|logs)$/;

/** Finds every database below the state directory. Links are not followed. Never throws. */
export async function readStateDatabases(stateDir: string): Promise<StateDatabases> {
  const versions: Record<string, number> = {};
  const unread: string[] = [];
  let entries = 0;
  let level: readonly string[] = [''];
  try {
    for (let depth = 0; level.length > 0 && depth <= maxDepth; depth += 1) {
      const next: string[] = [];
      for (const folder of level) {
        for (const entry of await entriesOf(join(stateDir, folder))) {
          entries += 1;
          const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
          if (entry.isDirectory() && !passedOver.test(path)) next.push(path);
          if (!entry.isFile() || !entry.name.endsWith('.sqlite')) continue;
          const version = await readUserVersion(join(stateDir, path));
          if (version === null) unread.push(path);
          else versions[path] = version;
        }
        const found = Object.keys(versions).length + unread.length;
        if (entries > maxEntries || found > maxDatabases)
          return { kind: 'unknown', because: `${stateDir} holds more than can be looked at` };
      }
      level = next;
    }
    return { kind: 'read', versions, unread };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { kind: 'unknown', because: `the databases of ${stateDir} could not be looked at: ${words}` };
  }
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    // A session that ended just now took its folder away; a state directory that is not there holds none.
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return [];
    throw error;
  }
}
