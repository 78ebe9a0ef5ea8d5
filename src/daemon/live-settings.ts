import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { loadSettings, type Settings, type SettingsProblem } from '../config/settings.ts';
import { readIfExists, writeDurable } from '../system/durable-file.ts';
import type { Log } from '../system/log.ts';

export interface LiveSettings {
  current(): { readonly settings: Settings; readonly problem: string | null };
  onChange(changed: () => void): () => void;
}

export type SettingsLoaded =
  | { readonly kind: 'ok'; readonly live: LiveSettings }
  | { readonly kind: 'invalid'; readonly problems: readonly SettingsProblem[] };

/** Editors write in several steps; the file is read once they are through. */
const settleMs = 200;

/**
 * The settings a daemon runs by. A file that became wrong never stops the watchdog: it keeps the last valid settings,
 * also across its own restarts (their text is kept in the state directory by the one who `keeps`, a starting daemon),
 * and says what is wrong.
 */
export async function openSettings(
  path: string,
  { stateDir, log, keeps }: { readonly stateDir: string; readonly log: Log; readonly keeps: boolean },
): Promise<SettingsLoaded> {
  const copy = join(stateDir, 'settings-last-valid.json5');
  const first = await load(path);
  let current: { settings: Settings; problem: string | null };
  if (first.kind === 'ok') {
    current = { settings: first.settings, problem: null };
    if (keeps) await keep(first.text, copy, log);
  } else {
    const last = await load(copy);
    if (last.kind !== 'ok') return first;
    current = { settings: last.settings, problem: explain(first.problems) };
    log.error(`${current.problem}; running by the last valid settings`);
  }

  const reload = async (): Promise<boolean> => {
    const next = await load(path);
    if (next.kind === 'ok') {
      const before = JSON.stringify(current);
      current = { settings: next.settings, problem: null };
      if (before === JSON.stringify(current)) return false;
      if (keeps) await keep(next.text, copy, log);
      log.info('The settings were read again');
      return true;
    }
    const problem = explain(next.problems);
    if (problem === current.problem) return false;
    current = { ...current, problem };
    log.error(`${problem}; the last valid settings stay in force`);
    return true;
  };

  return {
    kind: 'ok',
    live: {
      current: () => current,
      onChange: (changed) => {
        let timer: NodeJS.Timeout | null = null;
        const soon = (): void => {
          if (timer !== null) clearTimeout(timer);
          timer = setTimeout(() => void reload().then((news) => news && changed()), settleMs);
        };
        let watcher: FSWatcher | null = null;
        try {
          // The folder, not the file: editors replace the file, and a watch on the old one would see nothing more.
          watcher = watch(dirname(path), (_event, name) => {
            if (name === null || name === basename(path)) soon();
          });
          watcher.on('error', (error) => log.warn(`Watching ${path} failed: ${error.message}`));
        } catch (error) {
          log.warn(`${path} cannot be watched; changes take effect at the next start: ${String(error)}`);
        }
        return () => {
          if (timer !== null) clearTimeout(timer);
          watcher?.close();
        };
      },
    },
  };
}

type Loaded =
  | { readonly kind: 'ok'; readonly settings: Settings; readonly text: string }
  | { readonly kind: 'invalid'; readonly problems: readonly SettingsProblem[] };

async function load(path: string): Promise<Loaded> {
  // The very bytes that were judged are kept: a save in between must not slip in unjudged.
  let text = '';
  const outcome = await loadSettings(path, async (from, most) => {
    const read = await readIfExists(from, most);
    if (read.kind === 'read') text = read.bytes.toString('utf8');
    return read;
  });
  switch (outcome.kind) {
    case 'ok':
      return { ...outcome, text };
    case 'invalid':
      return outcome;
    case 'missing':
      return {
        kind: 'invalid',
        problems: [{ path, key: '', hint: 'the file is missing; run ./install.sh to write it' }],
      };
    case 'unreadable':
      return { kind: 'invalid', problems: [{ path, key: '', hint: outcome.because }] };
    default:
      return outcome satisfies never;
  }
}

async function keep(text: string, copy: string, log: Log): Promise<void> {
  const written = await writeDurable(copy, text, { mode: 0o600 });
  if (written.kind === 'failed') log.warn(`The last valid settings cannot be kept: ${written.because}`);
}

function explain(problems: readonly SettingsProblem[]): string {
  return problems.map(({ path, key, hint }) => `${path}${key === '' ? '' : `, ${key}`}: ${hint}`).join('; ');
}
