import { basename, dirname } from 'node:path';
import { type Millis, seconds } from '../../core/time.ts';
import { spell } from '../../core/words.ts';
import { run } from '../../system/run.ts';
import type { Context } from '../context.ts';
import { findOnPath } from '../install/tools.ts';
import { createProgress } from '../progress.ts';
import { firstLine, type LocalSnapshot, parseLocalSnapshots } from './text.ts';

/** It answers within a second; one that waits for a disk that is gone answers never. */
export const tmutilMs = seconds(20);

export type Found =
  | { readonly kind: 'listed'; readonly snapshots: readonly LocalSnapshot[] }
  | { readonly kind: 'none' | 'unavailable'; readonly because: string };

/** What tmutil knows. It is never waited for longer than `withinMs`. */
export async function askTmutil(
  known: string | null,
  {
    context,
    withinMs,
    json,
  }: { readonly context: Context; readonly withinMs: Millis; readonly json: boolean },
): Promise<Found> {
  const tmutil =
    (known === null ? null : await findOnPath(basename(known), dirname(known))) ??
    (await findOnPath('tmutil', '/usr/bin'));
  if (tmutil === null) return unavailable('there is no tmutil here: Time Machine is a part of macOS');
  const progress = createProgress(context, json);
  progress.show('asking tmutil for the local snapshots');
  const { signal } = context;
  const result = await run({ file: tmutil, args: ['listlocalsnapshots', '/'], timeoutMs: withinMs, signal });
  progress.end();
  switch (result.kind) {
    case 'timed-out':
      return unavailable(
        `${tmutil} did not answer within ${spell(withinMs)}; a backup disk that does not answer can be why`,
      );
    case 'not-started':
      return unavailable(`${tmutil} could not be started: ${firstLine(result.because)}`);
    case 'signaled':
      return unavailable(`${tmutil} was ended by ${result.signal}`);
    case 'exited': {
      if (result.code !== 0) {
        const said = firstLine(result.stderr) || firstLine(result.stdout) || 'it gives no reason';
        return unavailable(`${tmutil} failed (exit ${result.code}): ${said}`);
      }
      return foundIn(result, tmutil);
    }
    default:
      return result satisfies never;
  }
}

function foundIn(
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
  tmutil: string,
): Found {
  const listed = parseLocalSnapshots(stdout);
  if (listed.kind === 'unclear') return unavailable(`${tmutil} printed no list: ${listed.because}`);
  if (listed.snapshots.length > 0) return { kind: 'listed', snapshots: listed.snapshots };
  // Some failures end with exit code 0.
  const said = firstLine(stderr);
  if (stdout.trim() === '' && said !== '') return unavailable(`${tmutil} printed no list: ${said}`);
  const others =
    listed.others === 0 ? '' : `; ${listed.others} of other programs are there, and are left alone`;
  return {
    kind: 'none',
    because: `Time Machine keeps no local snapshot of this disk: macOS removes them after about a day, and sooner when space runs out, and makes none where Time Machine is off${others}`,
  };
}

const unavailable = (because: string): Found => ({ kind: 'unavailable', because });
