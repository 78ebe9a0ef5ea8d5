import type { Delivery, Entry } from '../core/alert.ts';
import type { Reason } from '../core/alert-reasons.ts';
import { reasonWords } from '../core/alert-reasons.ts';
import { type Instant, since } from '../core/time.ts';
import { spell, spellUntil } from '../core/words.ts';
import { clockTime } from './status/words.ts';

/** How one channel answered a test. */
export interface Tested {
  readonly channel: string;
  readonly kind: string;
  readonly result: 'delivered' | 'failed' | 'not-asked';
  readonly because: string;
  readonly tookMs: number;
}

const iso = (at: Instant): string => new Date(at).toISOString();

export function entryJson({ alert, deliveries }: Entry): Readonly<Record<string, unknown>> {
  const { id, kind, severity, at, incident, title, lines, since: from, next } = alert;
  return {
    id,
    kind,
    severity,
    at: iso(at),
    incident,
    title,
    lines,
    since: from === null ? null : iso(from),
    next,
    deliveries: deliveries.map(({ channel, state, tries, nextAt, because }) => ({
      channel,
      state,
      tries,
      at: iso(nextAt),
      because,
    })),
  };
}

/** Newest first; each with how it went on every channel. */
export function renderEntries(entries: readonly Entry[], now: Instant): string {
  return entries.map((entry) => renderEntry(entry, now)).join('');
}

function renderEntry({ alert, deliveries }: Entry, now: Instant): string {
  const { id, at, severity, kind, title } = alert;
  const where =
    deliveries.length === 0
      ? ['sent nowhere ("immune alerts why" says why)']
      : deliveries.map((each) => deliveryWords(each, now));
  const lines = [
    `${id}  ${clockTime(at)}  ${severity}  ${kind}  ${title}`,
    ...where.map((line) => `    ${line}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function deliveryWords({ channel, state, tries, nextAt, because }: Delivery, now: Instant): string {
  const said = because === '' ? '' : `: ${because}`;
  const count = `${tries} ${tries === 1 ? 'try' : 'tries'}`;
  switch (state) {
    case 'delivered':
      return `${channel}: delivered ${clockTime(nextAt)}${tries > 1 ? ` after ${count}` : ''}`;
    case 'waiting':
      return `${channel}: waiting after ${count}, next ${nextAt <= now ? 'now' : `in ${spellUntil(nextAt, now)}`}${said}`;
    case 'given-up':
      return `${channel}: given up after ${count}${said}`;
    case 'dropped':
      return `${channel}: not sent any more${said}`;
    default:
      return state satisfies never;
  }
}

export const reasonJson = ({
  at,
  code,
  incident,
  alert,
  about,
}: Reason): Readonly<Record<string, unknown>> => ({
  at: iso(at),
  code,
  words: reasonWords[code],
  incident,
  alert,
  about,
});

/** Oldest first, as it happened. */
export function renderReasons(reasons: readonly Reason[], now: Instant): string {
  return reasons
    .map(({ at, code, incident, alert, about }) => {
      const what = [incident, alert === null ? null : `alert ${alert}`]
        .filter((each) => each !== null)
        .join(', ');
      const when = `${clockTime(at)} (${spell(since(at, now))} ago)`;
      // A book of a newer build may know more reasons than we do.
      const words = reasonWords[code] ?? 'for a reason this version does not know';
      return `${when}${what === '' ? '' : `  ${what}`}\n    ${about}\n    ${code}: ${words}\n`;
    })
    .join('');
}

export function renderTested(tested: readonly Tested[]): string {
  const width = Math.max(...tested.map(({ channel }) => channel.length));
  return tested
    .map(({ channel, result, because, tookMs }) => {
      const took = result === 'not-asked' ? '' : ` in ${spell(tookMs)}`;
      const words = { delivered: `delivered${took}`, failed: `failed${took}`, 'not-asked': 'not asked' }[
        result
      ];
      return `${channel.padEnd(width)}  ${words}${because === '' ? '' : `: ${because}`}\n`;
    })
    .join('');
}
