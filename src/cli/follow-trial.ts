import { millis } from '../core/time.ts';
import type { Trial } from '../core/trial.ts';
import { readStatus } from '../daemon/status-file.ts';
import { readTrial } from '../daemon/trial-file.ts';
import { endText } from '../daemon/trial-words.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';

export interface TrialResult {
  readonly exitCode: number;
  /** `watched`: it is not over, and the watchdog goes on without us. */
  readonly outcome: 'holds' | 'reverted' | 'superseded' | 'failed' | 'watched';
  readonly because: string;
}

const pollMs = millis(250);
/** A machine that sleeps, or a pause, may keep a trial open for longer; nobody has to sit and wait for that. */
const patienceMs = 1_800_000;

/**
 * Says how it goes until the trial is over, one line for each change. Only a spectator: the watchdog enforces every
 * deadline itself, whether or not anybody watches.
 */
export async function followTrial(
  id: string,
  context: Context,
  say: (line: string) => void,
): Promise<TrialResult> {
  const { clock, paths, signal } = context;
  const deadline = clock.elapsed() + patienceMs;
  let told = '';
  while (!signal.aborted && clock.elapsed() < deadline) {
    const read = await readTrial(paths.state);
    if (read.kind === 'read' && read.trial.id === id && read.trial.end !== null) return ended(read.trial);
    if (read.kind === 'read' && read.trial.id !== id)
      return { exitCode: exitCodes.unhealthy, outcome: 'watched', because: `another change followed ${id}` };
    const undoing = read.kind === 'read' ? read.trial.undoing : null;
    const status = await readStatus(paths.state);
    if (undoing !== null) {
      const standing = `it is being taken back, and that is tried until it is done: ${undoing.because}`;
      if (standing !== told) say(standing);
      told = standing;
    } else if (status.kind === 'read') {
      const { phase, cause, because } = status.status.state;
      // The sentence counts seconds; what has changed is the phase or its cause.
      const standing = `${phase.kind} ${cause}`;
      if (standing !== told) say(because);
      told = standing;
    }
    await clock.sleep(pollMs, signal);
  }
  const because = `the watchdog goes on watching ${id} by itself; "immune status" says how it stands`;
  return {
    exitCode: signal.aborted ? exitCodes.interrupted : exitCodes.unhealthy,
    outcome: 'watched',
    because,
  };
}

function ended(trial: Trial): TrialResult {
  const { end } = trial;
  if (end === null) throw new Error('the trial has not ended');
  const exitCode = end.kind === 'holds' ? exitCodes.ok : exitCodes.unhealthy;
  return { exitCode, outcome: end.kind, because: endText(trial, end) };
}
