import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../core/time.ts';
import { millis } from '../core/time.ts';

/** An editor writes, renames and sets modes: one look after all of that. */
const settleMs = millis(300);

/**
 * Calls back soon after the config file has changed, so that a bad edit is told while whoever made it is still there.
 * Best effort: a link's target or a folder that is made anew goes unseen here, and the next ordinary look sees it.
 */
export function watchConfig(path: string, onChange: () => void, clock: Clock): () => void {
  const ended = new AbortController();
  let waiting = false;
  const changed = async (): Promise<void> => {
    if (waiting) return;
    waiting = true;
    await clock.sleep(settleMs, ended.signal);
    waiting = false;
    if (!ended.signal.aborted) onChange();
  };
  const watcher = openWatcher(dirname(path));
  // The folder as a whole: an editor that renames a new file over the old one would leave a watch of the file behind.
  watcher?.on('change', (_event, name) => {
    if (name === null || name === basename(path)) void changed();
  });
  // A watch that ends (the folder was removed, the system has no more of them) leaves the ordinary looks.
  watcher?.on('error', () => watcher.close());
  return () => {
    ended.abort();
    watcher?.close();
  };
}

function openWatcher(directory: string): FSWatcher | null {
  try {
    return watch(directory, { persistent: false });
  } catch {
    // No such folder yet, or too many watches on this machine: the ordinary looks have to do.
    return null;
  }
}
