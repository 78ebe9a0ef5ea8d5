import { durationFault, parseDuration } from '../config/duration.ts';
import { suggest } from '../config/suggest.ts';
import type { Millis } from '../core/time.ts';
import { shown } from './shown.ts';
import { type CommandJob, jobNames } from './verbs.ts';

interface Refused {
  readonly kind: 'refused';
  readonly message: string;
  readonly hint: string;
}

const defaultLines = 40;
/** More is a job for a pager on the file itself. */
const mostLines = 10_000;

/** What follows `immune pause`. */
export function parsePause(
  argument: string | null,
): Refused | { readonly kind: 'pause'; readonly forMs: Millis | null } {
  if (argument === null) return { kind: 'pause', forMs: null };
  const forMs = parseDuration(argument);
  if (forMs !== null && forMs > 0) return { kind: 'pause', forMs };
  return refused(`"${shown(argument)}" ${durationFault(argument)}`, 'immune pause 30m');
}

/** `text` is the value of --lines. */
export function parseLogs(
  text: string | null,
  follow: boolean,
): Refused | { readonly kind: 'logs'; readonly follow: boolean; readonly lines: number } {
  if (text === null) return { kind: 'logs', follow, lines: defaultLines };
  const lines = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (lines <= mostLines) return { kind: 'logs', follow, lines };
  return refused(
    `--lines needs a whole number up to ${mostLines}, not "${shown(text)}"`,
    'immune logs -n 100',
  );
}

/** What follows `immune job`. */
export function parseJob(
  argument: string | null,
): Refused | { readonly kind: 'job'; readonly job: CommandJob } {
  const job = jobNames.find((name) => name === argument);
  if (job !== undefined) return { kind: 'job', job };
  if (argument === null)
    return refused(`"immune job" needs the name of a job: ${jobNames.join(', ')}`, 'immune job snapshot');
  const near = suggest(argument, jobNames);
  const meant = near === null ? '' : `; did you mean "${near}"?`;
  return refused(`there is no job "${shown(argument)}"${meant}`, `immune job ${near ?? 'snapshot'}`);
}

const refused = (message: string, hint: string): Refused => ({ kind: 'refused', message, hint });
