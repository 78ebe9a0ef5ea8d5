import type { AlertIncident, FlapEpisode, Overflow } from './alert-book.ts';
import type { Cause } from './cause.ts';
import type { Attempt } from './state.ts';
import { type Instant, since } from './time.ts';
import { spell } from './words.ts';

/** A lock screen shows little more. */
const titleLength = 80;
/** A reason of several sentences is read in the log, not on a phone. */
const lineLength = 400;

const shortened = (text: string, most: number): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).trimEnd()}…`;
};

export const cut = (title: string): string => shortened(title, titleLength);
export const line = (text: string): string => shortened(text, lineLength);

/** What a person types next: what the reason itself names, else what helps with the cause. */
export function nextFor(text: string, cause: Cause | null): string {
  const named = /"(immune [a-z][^"]{0,100})"/.exec(text)?.[1];
  return named ?? (cause === null ? 'immune status' : (byCause[cause] ?? 'immune check --why'));
}

const byCause: Readonly<Partial<Record<Cause, string>>> = {
  'config-invalid': 'immune fix-config',
  'config-clobbered': 'immune fix-config',
  'config-latent': 'immune why-config',
  'half-install': 'immune fix-deps',
  'dependency-missing': 'immune fix-deps',
  'dist-corrupted': 'immune fix-deps',
  'dependency-latent': 'immune fix-deps',
};

/** The newest attempts an alert names. */
const attemptsTold = 5;

export function attemptLines(attempts: readonly Attempt[]): readonly string[] {
  if (attempts.length === 0) return ['Nothing was done about it so far.'];
  const newest = attempts.slice(-attemptsTold);
  const more = attempts.length - newest.length;
  const words = newest.map(({ kind, actionId, outcome }) => `${kind} ${actionId} (${outcomeWords[outcome]})`);
  return [line(`What was done: ${more > 0 ? `${more} more, then ` : ''}${words.join(', ')}.`)];
}

const outcomeWords: Readonly<Record<Attempt['outcome'], string>> = {
  unknown: 'under way',
  done: 'done',
  failed: 'failed',
  undone: 'taken back',
  kept: 'kept',
};

/** The commands that take back what stands in the place of the operator's files; what lies on top comes first. */
export const undoCommands = (attempts: readonly Attempt[]): readonly string[] =>
  attempts
    .filter(({ kind, outcome }) => (kind === 'reinstall' || kind === 'rollback') && stands.has(outcome))
    .map(({ actionId }) => `immune undo ${actionId}`)
    .toReversed();

const stands: ReadonlySet<Attempt['outcome']> = new Set(['unknown', 'done', 'kept']);

export function downWords(
  incident: AlertIncident,
  now: Instant,
): { title: string; lines: readonly string[] } {
  const lasting = spell(since(incident.openedAt, now));
  return {
    title: cut(`Gateway down for ${lasting}: ${incident.because}`),
    lines: [line(incident.because), ...attemptLines(incident.attempts)],
  };
}

export function needWords(
  why: string,
  incident: AlertIncident | null,
): { title: string; lines: readonly string[] } {
  return {
    title: cut(`Gateway needs you: ${why}`),
    lines: [
      line(why),
      ...(incident === null ? [] : attemptLines(incident.attempts)),
      'The watchdog looks on and tries again when something changes.',
    ],
  };
}

export function reminderWords(
  incident: AlertIncident,
  now: Instant,
): { title: string; lines: readonly string[] } {
  const lasting = spell(since(incident.openedAt, now));
  const need = incident.exhausted ? 'still needs you' : 'is still down';
  return {
    title: cut(`Gateway ${need} after ${lasting}: ${incident.because}`),
    lines: [
      line(incident.because),
      ...attemptLines(incident.attempts),
      '"immune acknowledge" ends these reminders.',
    ],
  };
}

export function digestWords(
  episode: FlapEpisode,
  now: Instant,
  needsYou: boolean,
): { title: string; lines: readonly string[] } {
  const { losses, heldCount, held, calmAt } = episode;
  const lost = `lost ${losses} time${losses === 1 ? '' : 's'}`;
  const flaps = needsYou ? 'flapped and needs you' : 'still flaps';
  const state = calmAt === null ? flaps : `has held for ${spell(since(calmAt, now))}`;
  const earlier = heldCount - held.length;
  return {
    title: cut(`Gateway ${state}: ${lost} since the last message`),
    lines: [
      `It has flapped on and off for ${spell(since(episode.since, now))}.`,
      ...(earlier > 0 ? [`${earlier} earlier event${earlier === 1 ? '' : 's'} left out.`] : []),
      ...held,
    ],
  };
}

export function overflowWords({ kinds, titles }: Overflow): { title: string; lines: readonly string[] } {
  const counts = Object.entries(kinds).map(([kind, count]) => `${count} ${kind}`);
  const all = Object.values(kinds).reduce((sum, count) => sum + count, 0);
  return {
    title: cut(`${all} more alert${all === 1 ? '' : 's'}: ${counts.join(', ')}`),
    lines: ['There were more alerts than alertsPerHour allows; the newest:', ...titles],
  };
}
