import {
  type AlertBook,
  type AlertLine,
  type Desk,
  type FlapEpisode,
  isWithin,
  noted,
} from './alert-book.ts';
import { post, timedId } from './alert-post.ts';
import { cut, digestWords, line as lineOf, nextFor } from './alert-words.ts';
import type { State } from './state.ts';
import { type Instant, since } from './time.ts';
import { spell } from './words.ts';

/** Events a digest repeats. */
const heldKept = 8;

/** While it flaps, one message says it; from then on there is a digest. Null where it does not, or has held since. */
export const flapOf = ({ flapping }: AlertBook): FlapEpisode | null =>
  flapping?.calmAt === null ? flapping : null;

/** Begins an episode with the one message, goes on with one that was calm for a short while only, and counts losses. */
export function noteFlapping(before: AlertBook, { state, at }: AlertLine, desk: Desk): AlertBook {
  const { flapping: episode } = before;
  if (!state.flapping) return before;
  const lossAt = state.losses.at(-1) ?? null;
  const { alertDigestMs } = desk.policy;
  const goesOn = episode !== null && (episode.calmAt === null || isWithin(episode.calmAt, at, alertDigestMs));
  const book: AlertBook =
    before.incident === null
      ? before
      : {
          ...before,
          // A line by itself says nothing to anybody: only the one message and the digests do.
          incident: { ...before.incident, down: true, saidAt: goesOn ? (before.incident.saidAt ?? at) : at },
        };
  if (goesOn) {
    const isNew = lossAt !== episode.lossAt;
    const again = episode.again || episode.calmAt !== null;
    return {
      ...book,
      flapping: { ...episode, again, calmAt: null, lossAt, losses: episode.losses + Number(isNew) },
    };
  }
  const flapping: FlapEpisode = {
    since: at,
    saidAt: at,
    calmAt: null,
    again: false,
    digests: 0,
    lossAt,
    losses: 0,
    heldCount: 0,
    held: [],
  };
  const alert = {
    id: timedId(book, `flap-${at}`),
    kind: 'flapping',
    severity: 'warning',
    at,
    incident: state.incident?.id ?? null,
    title: cut(`Gateway flaps: lost ${state.losses.length} times in a short while`),
    lines: [
      lineOf(state.because),
      `From now on one message in ${spell(alertDigestMs)} at most, until it holds.`,
    ],
    since: state.losses[0] ?? null,
    next: 'immune check --why',
  } as const;
  return post({ ...book, flapping }, { alert, code: 'flaps' }, desk);
}

/** For the next digest. */
export function holdBack(
  book: AlertBook,
  episode: FlapEpisode,
  { text, incident, at }: { readonly text: string; readonly incident: string | null; readonly at: Instant },
): AlertBook {
  const held = [...episode.held, lineOf(text)].slice(-heldKept);
  const flapping = { ...episode, held, heldCount: episode.heldCount + 1 };
  return noted({ ...book, flapping }, { at, code: 'in-digest', incident, alert: null, about: cut(text) });
}

export function calmDown(book: AlertBook, state: State, at: Instant): AlertBook {
  const { flapping } = book;
  if (flapping === null || state.flapping || flapping.calmAt !== null) return book;
  return { ...book, flapping: { ...flapping, calmAt: at } };
}

/** The digest when it is due, and the end of an episode that stayed calm. */
export function digest(before: AlertBook, now: Instant, desk: Desk): AlertBook {
  const { flapping: episode } = before;
  if (episode === null) return before;
  const { alertDigestMs } = desk.policy;
  const isOver = episode.calmAt !== null && since(episode.calmAt, now) >= alertDigestMs;
  const isDue = since(episode.saidAt, now) >= alertDigestMs;
  const hasNews = episode.heldCount > 0 || episode.losses > 0;
  const book: AlertBook = isOver ? { ...before, flapping: null } : before;
  if (!isDue || !hasNews) return book;
  const digests = episode.digests + 1;
  const next: FlapEpisode = { ...episode, saidAt: now, digests, losses: 0, heldCount: 0, held: [] };
  const needed = book.incident?.exhausted === true ? book.incident : null;
  const { title, lines } = digestWords(episode, now, needed !== null);
  const alert = {
    id: timedId(book, `digest-${episode.since}-${digests}`),
    kind: 'digest',
    severity: 'info',
    at: now,
    incident: book.incident?.id ?? null,
    title,
    lines,
    since: episode.since,
    next: needed === null ? 'immune check --why' : nextFor(needed.because, needed.causeNow),
  } as const;
  // That it needs a person is not what a digest is about: the reminder comes when it is due.
  const incident =
    book.incident === null || needed !== null ? book.incident : { ...book.incident, saidAt: now };
  return post({ ...book, incident, flapping: isOver ? null : next }, { alert, code: 'digest-due' }, desk);
}
