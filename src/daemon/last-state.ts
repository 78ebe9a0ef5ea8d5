import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { begunAnew, restoreState } from '../core/restore-state.ts';
import { initialState, type State } from '../core/state.ts';
import type { Instant } from '../core/time.ts';
import { parseLine } from './journal.ts';

/** A line is some 2 to 10 kB; the newest whole one is in here. */
const tailBytes = 262_144;

/**
 * What the newest line of the journal remembers, for a plan that is only shown: nothing is repaired, cut or put aside.
 * Where there is none, or none can be read, as in a watchdog that has just been installed.
 */
export async function readLastState(stateDir: string, now: Instant): Promise<State> {
  const lines = (await tailOf(join(stateDir, 'journal.jsonl'))).split('\n').toReversed();
  // A journal that was rotated a moment ago is empty, and its last line is the checkpoint.
  const checkpoint = await tailOf(join(stateDir, 'state.json'));
  for (const line of [...lines, checkpoint]) {
    const parsed = line === '' ? null : parseLine(line);
    if (parsed !== null) return begunAnew(notInFlight(restoreState(parsed.state)), now);
  }
  return initialState;
}

/** Whoever began it is gone. */
const notInFlight = (state: State): State =>
  state.phase.kind === 'repairing' ? { ...state, failing: null, phase: { kind: 'starting' } } : state;

async function tailOf(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const length = Math.min(size, tailBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    // What cannot be read remembers nothing.
    return '';
  } finally {
    await file.close();
  }
}
