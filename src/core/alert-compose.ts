import type { AlertKind, Severity } from './alert.ts';
import {
  type AlertBook,
  type AlertIncident,
  type AlertLine,
  type Desk,
  type FlapEpisode,
  follow,
  isAllAsked,
  isWithin,
  noted,
} from './alert-book.ts';
import { calmDown, flapOf, holdBack, noteFlapping } from './alert-flap.ts';
import { idOf, post, supersede } from './alert-post.ts';
import type { ReasonCode } from './alert-reasons.ts';
import { attemptLines, cut, line as lineOf, needWords, nextFor, undoCommands } from './alert-words.ts';
import { inDoubt } from './decision.ts';
import { rungOf } from './ladder.ts';
import type { Notice } from './notice.ts';
import { flappingText, overText } from './respond-ready.ts';
import type { Incident } from './state.ts';
import { type Instant, since } from './time.ts';
import { spell } from './words.ts';

/** One notice of one line, on its way to becoming an alert or a silence. */
interface Case {
  readonly line: AlertLine;
  readonly notice: Notice;
  /** Its number within the line. */
  readonly n: number;
  readonly desk: Desk;
}

/** Takes one journal line: what it brings becomes alerts, or silences with a reason. A line is taken once. */
export function takeLine(before: AlertBook, line: AlertLine, desk: Desk): AlertBook {
  if (line.seq <= before.cursor) return before;
  const { state, at } = line;
  const { incident } = state;
  let book: AlertBook = { ...before, cursor: line.seq };
  if (incident !== null) book = { ...book, incident: follow(book.incident, incident, state) };
  book = noteFlapping(book, line, desk);
  line.notices.forEach((notice, index) => {
    book = takeNotice(book, { line, notice, n: index + 1, desk });
  });
  book = calmDown(book, state, at);
  return incident === null && book.incident !== null ? { ...book, incident: null } : book;
}

function takeNotice(book: AlertBook, one: Case): AlertBook {
  const { notice } = one;
  if (notice.asked === true) return silence(book, one, 'asked-by-operator');
  switch (notice.kind) {
    case 'opened':
      return opened(book, one);
    case 'action':
      return action(book, one);
    case 'told':
      return told(book, one);
    case 'exhausted':
      return exhausted(book, one);
    case 'resolved':
    case 'closed':
      return ended(book, one);
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return notice.kind satisfies never;
  }
}

function silence(
  book: AlertBook,
  { line: { at }, notice: { incident, text } }: Case,
  code: ReasonCode,
): AlertBook {
  return noted(book, { at, code, incident, alert: null, about: cut(text) });
}

const held = (book: AlertBook, episode: FlapEpisode, { line: { at }, notice }: Case): AlertBook =>
  holdBack(book, episode, { ...notice, at });

interface Words {
  readonly kind: AlertKind;
  readonly severity: Severity;
  readonly title: string;
  readonly lines: readonly string[];
  readonly since?: Instant;
  readonly next: string;
}

function send(book: AlertBook, { line, notice, n, desk }: Case, code: ReasonCode, words: Words): AlertBook {
  const { title, since = null, ...rest } = words;
  const alert = {
    id: idOf(book, line, n),
    at: line.at,
    incident: notice.incident,
    since,
    ...rest,
    title: cut(title),
  };
  return saying(post(book, { alert, code }, desk), line.at);
}

/** Something was said of the open incident. */
const saying = (book: AlertBook, at: Instant): AlertBook =>
  book.incident === null ? book : { ...book, incident: { ...book.incident, saidAt: at } };

const besides = (incident: AlertIncident): boolean => incident.cause === 'dependency-latent';

function opened(book: AlertBook, one: Case): AlertBook {
  const { incident } = book;
  if (incident !== null && besides(incident)) return silence(book, one, 'mended-beside');
  const episode = flapOf(book);
  if (episode !== null) return held(book, episode, one);
  if (one.line.notices.some(({ kind }) => kind === 'exhausted'))
    return silence(book, one, 'said-with-exhausted');
  return silence(book, one, 'in-grace');
}

function action(before: AlertBook, one: Case): AlertBook {
  const { phase } = one.line.state;
  const known = before.incident;
  // The line that announces it carries it.
  if (phase.kind !== 'repairing' || known === null) return silence(before, one, 'self-healing');
  const { step, rung } = phase.action;
  const isHigher = known.rung !== null && rungOf(step) > known.rung && step.kind !== 'undo';
  const book: AlertBook = {
    ...before,
    incident: { ...known, rung: known.rung === null || rung > known.rung ? rung : known.rung },
  };
  const isRepair = rung !== 'L1';
  const episode = flapOf(book);
  if (episode !== null) return held(book, episode, one);
  if (!isRepair && !known.down) return silence(book, one, 'self-healing');
  const kind = isHigher ? 'escalated' : 'action';
  return send(book, one, isHigher ? 'rung-up' : isRepair ? 'repair' : 'after-down', {
    kind,
    severity: isRepair ? 'warning' : 'info',
    title: `${kind === 'escalated' ? 'Next rung' : 'Action'} (${rung}): ${one.notice.text}`,
    lines: [lineOf(one.notice.text)],
    since: known.openedAt,
    next: 'immune status',
  });
}

function exhausted(book: AlertBook, one: Case): AlertBook {
  const { incident } = book;
  const why = one.notice.text.replace(/^needs you: /, '');
  const flagged = incident === null ? book : { ...book, incident: { ...incident, down: true } };
  return send(
    supersede(flagged, { kinds: ['down'], incident: one.notice.incident, at: one.line.at }),
    one,
    'needs-you',
    {
      kind: 'exhausted',
      severity: 'critical',
      ...needWords(why, incident),
      ...(incident === null ? {} : { since: incident.openedAt }),
      next: nextFor(why, incident?.causeNow ?? null),
    },
  );
}

/** What was held back about it says nothing any more. */
const overtaken: readonly AlertKind[] = ['reminder'];

function ended(before: AlertBook, one: Case): AlertBook {
  const { incident } = before;
  const { notice, line } = one;
  if (incident === null) return silence(before, one, 'healed-in-grace');
  const book = supersede(before, { kinds: overtaken, incident: notice.incident, at: line.at });
  const { attempts, saidAt } = incident;
  if (notice.kind === 'closed') {
    if (besides(incident)) return latent(book, one);
    if (saidAt === null) return silence(book, one, 'asked-by-operator');
  } else if (saidAt === null && isAllAsked(incident))
    return silence(book, one, attempts.length > 0 ? 'asked-by-operator' : 'healed-in-grace');
  // One that flapped again soon after it was calm is told by digests alone.
  if (book.flapping?.again === true) return held(book, book.flapping, one);
  return send(book, one, codeOfEnd(one, incident), endWords(one, incident));
}

const codeOfEnd = ({ notice }: Case, { saidAt }: AlertIncident): ReasonCode =>
  notice.kind === 'closed' ? 'ended' : saidAt === null ? 'healed-by-action' : 'serves-again';

function endWords({ notice, line }: Case, incident: AlertIncident): Words {
  const { lastIncident } = line.state;
  const outcome = lastIncident?.outcome ?? notice.text;
  const attempts = lastIncident?.attempts.filter(({ at }) => at >= incident.openedAt) ?? incident.attempts;
  const undo = undoCommands(attempts);
  const causes = [...new Set([incident.cause, ...attempts.map(({ cause }) => cause)])];
  const isClosed = notice.kind === 'closed';
  const back = backWords(lastIncident, attempts.length);
  return {
    kind: isClosed ? 'closed' : 'recovered',
    severity: 'info',
    title:
      isClosed || back === null ? `${isClosed ? 'Incident ended' : 'Gateway recovered'}: ${outcome}` : back,
    lines: [
      lineOf(outcome),
      lineOf(`Cause: ${causes.join(', ')}: ${lastIncident?.because ?? incident.because}`),
      ...(attempts.length === 0 ? [] : attemptLines(attempts)),
      ...incident.changed.map((text) => lineOf(`Changed: ${text}`)),
      ...undo.map((command) => `To take it back: ${command}`),
    ],
    since: incident.openedAt,
    // It serves: to take back what mended it is for daylight.
    next: 'immune status',
  };
}

/** How long it was really away, for the title; null where it was not, or nobody knows. */
function backWords(ended: Incident | null, actions: number): string | null {
  if (ended === null || ended.servingAt === null || ended.cause === 'dependency-latent') return null;
  const by = actions === 0 ? 'by itself' : `after ${actions} action${actions === 1 ? '' : 's'}`;
  return `Gateway back ${by}; it was away for ${spell(since(ended.openedAt, ended.servingAt))}`;
}

/** The package could not be mended beside a gateway that serves. */
const latent = (book: AlertBook, one: Case): AlertBook =>
  send(book, one, 'condition', {
    kind: 'latent',
    severity: 'warning',
    title: `The next start would fail: ${one.notice.text}`,
    lines: [lineOf(one.notice.text)],
    next: nextFor(one.notice.text, 'dependency-latent'),
  });

/** What repairs say of what they replaced; more is in `immune status` and the log. */
const changesKept = 5;

function told(book: AlertBook, one: Case): AlertBook {
  const { line, notice, desk } = one;
  const { at, state } = line;
  if (line.kind === 'outcome' && book.incident !== null) {
    const changed = [...book.incident.changed, notice.text].slice(-changesKept);
    return silence({ ...book, incident: { ...book.incident, changed } }, one, 'said-at-the-end');
  }
  // The notice that it flaps was made when it was first seen.
  if (notice.text.startsWith(flappingText)) return silence(book, one, 'in-digest');
  const episode = flapOf(book);
  if (episode !== null) return held(book, episode, one);
  const isOver = notice.text.startsWith(overText);
  const key = notice.text.replaceAll(/\d+/g, '#');
  const recent = book.told.filter((each) => isWithin(each.at, at, desk.policy.alertReminderMs));
  const remembered: AlertBook = { ...book, told: [...recent, { key, at }].slice(-toldKept) };
  // Its own end said it, or the next digest will.
  if (isOver && (book.incident !== null || notice.text.includes('(flapping)')))
    return silence(remembered, one, 'said-at-the-end');
  if (isOldNews(recent, key)) return silence(book, one, 'already-told');
  const sent = send(remembered, one, 'condition', {
    ...toldKind(one, isOver),
    title: notice.text,
    lines: [lineOf(notice.text)],
    next: isOver ? 'immune status' : nextFor(notice.text, state.also[0] ?? state.cause),
  });
  // A condition beside a gateway that serves again says nothing of its outage.
  return state.cause === 'serving' ? { ...sent, incident: book.incident } : sent;
}

/** A condition that comes and goes is told so often within the time; the last that is heard of it is that it is there. */
const timesTold = 3;

/** The same was told, and since then nothing that says otherwise. */
function isOldNews(recent: AlertBook['told'], key: string): boolean {
  const isOver = (text: string): boolean => text.startsWith(overText);
  const last = recent.findLastIndex((each) => each.key === key);
  if (last < 0) return false;
  if (!recent.slice(last + 1).some((each) => isOver(each.key) !== isOver(key))) return true;
  const times = recent.filter((each) => each.key === key).length;
  return times >= (isOver(key) ? timesTold - 1 : timesTold);
}

/** Different conditions remembered, so that the same is not told at each start of the watchdog. */
const toldKept = 50;

function toldKind({ line, notice }: Case, isOver: boolean): Pick<Words, 'kind' | 'severity'> {
  if (isOver) return { kind: 'told', severity: 'info' };
  // It decides nothing before a person says "resume".
  if (inDoubt(line.state)) return { kind: 'told', severity: 'critical' };
  const isLatent = line.kind === 'decided' && notice.incident === null && line.state.cause === 'serving';
  return { kind: isLatent ? 'latent' : 'told', severity: 'warning' };
}
