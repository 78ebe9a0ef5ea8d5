import { openChannels } from '../alerts/channels.ts';
import type { AlertBook } from '../core/alert-book.ts';
import { drop, retry } from '../core/alert-due.ts';
import { UserError } from '../core/errors.ts';
import { readBook, writeBook } from '../daemon/alert-store.ts';
import type { Answer } from '../daemon/commands.ts';
import { entryJson, reasonJson, renderEntries, renderReasons } from './alerts-render.ts';
import { runAlertsTest } from './alerts-test.ts';
import type { AlertsAsk } from './alerts-words.ts';
import { channelDeps } from './channel-deps.ts';
import type { Context } from './context.ts';
import { askDaemon, silentDaemon } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';
import { underLease } from './own-hands.ts';
import { consent } from './propose.ts';
import type { Terminal } from './terminal.ts';
import { openWorkshop } from './workshop.ts';

/** The daemon takes a command within a second; in the middle of a restart it may be slower. */
const answerWithinMs = 10_000;
/** Alerts that list prints; --json has all of them. */
const mostListed = 20;
const mostReasons = 40;

/** `immune alerts`: what was told, what waits, and why. 0 when it could be answered, else 3; for test: all got through. */
export async function runAlerts(
  { ask, json }: { readonly ask: AlertsAsk; readonly json: boolean },
  context: Context,
  terminal: Terminal,
): Promise<number> {
  switch (ask.kind) {
    case 'list':
      return list(json, context);
    case 'why':
      return why(ask.about, json, context);
    case 'test': {
      const shop = await openWorkshop(context, { name: 'the test', keeps: false });
      try {
        const { alerts } = shop.live.current().settings;
        return await runAlertsTest({ json }, context, openChannels(alerts, channelDeps(context, shop)));
      } finally {
        shop.log.close();
      }
    }
    case 'retry':
    case 'drop':
      return change(ask, { json, context, terminal });
    default:
      return ask satisfies never;
  }
}

async function list(json: boolean, context: Context): Promise<number> {
  const entries = (await bookOf(context))?.entries.toReversed() ?? [];
  if (json) {
    print({ alerts: entries.map(entryJson) }, context);
    return exitCodes.ok;
  }
  const shown = entries.slice(0, mostListed);
  const more = entries.length - shown.length;
  const none = 'nothing was told so far\n';
  context.out.write(entries.length === 0 ? none : renderEntries(shown, context.clock.now()));
  if (more > 0) context.out.write(`${more} older: immune alerts list --json\n`);
  return exitCodes.ok;
}

async function why(about: string | null, json: boolean, context: Context): Promise<number> {
  const all = (await bookOf(context))?.reasons ?? [];
  const meant = all.filter(({ incident, alert }) => about === null || incident === about || alert === about);
  if (json) {
    print({ reasons: meant.map(reasonJson) }, context);
    return exitCodes.ok;
  }
  const none = about === null ? 'nothing was told or left untold so far\n' : `nothing is known of ${about}\n`;
  const text = renderReasons(meant.slice(-mostReasons), context.clock.now());
  context.out.write(meant.length === 0 ? none : text);
  return exitCodes.ok;
}

const print = (value: object, { out }: Context): void =>
  void out.write(`${JSON.stringify({ version: 1, ...value }, null, 2)}\n`);

/** Null where nothing was ever written. */
async function bookOf({ paths }: Context): Promise<AlertBook | null> {
  const read = await readBook(paths.state);
  if (read.kind === 'read') return read.book;
  if (read.kind === 'missing') return null;
  throw new UserError('no-alerts', read.because, { hint: 'immune logs', exitCode: exitCodes.unhealthy });
}

type Change = Extract<AlertsAsk, { kind: 'retry' | 'drop' }>;

interface Asked {
  readonly json: boolean;
  readonly context: Context;
  readonly terminal: Terminal;
}

/** By the watchdog if it runs, else in its book: it is carried out at its next start. */
async function change(ask: Change, { json, context, terminal }: Asked): Promise<number> {
  if (ask.kind === 'drop') {
    // Nobody is asked about what does not exist.
    if (!ask.yes && !(await isKnown(ask.id, context))) throw refusedWith(noAlert(ask.id));
    await consent(
      { yes: ask.yes, json },
      terminal,
      `Drop alert ${ask.id}, so that it is sent nowhere any more?`,
    );
  }
  const { kind: what, id } = ask;
  const request = { kind: 'alerts', what, id, by: `immune alerts ${what}` } as const;
  const asked = await askDaemon(request, context, answerWithinMs);
  if (asked.kind === 'silent') throw silentDaemon(context.uid, answerWithinMs);
  const answer = asked.kind === 'answer' ? asked.answer : await changeHere(what, id, context);
  if (!answer.ok) throw refusedWith(answer.text);
  if (json) print({ ok: true, text: answer.text }, context);
  else context.out.write(`${answer.text}\n`);
  return exitCodes.ok;
}

const noAlert = (id: string): string => `there is no alert ${id}`;

const refusedWith = (text: string): UserError =>
  new UserError('refused', text, { hint: 'immune alerts list', exitCode: exitCodes.refused });

const isKnown = async (id: string, context: Context): Promise<boolean> =>
  (await bookOf(context))?.entries.some(({ alert }) => alert.id === id) ?? false;

async function changeHere(what: Change['kind'], id: string, context: Context): Promise<Answer> {
  const shop = await openWorkshop(context, { name: 'the alerts', keeps: false });
  try {
    return await underLease({ role: 'alerts', processes: shop.processes }, context, async () => {
      const book = await bookOf(context);
      const entry = book?.entries.find(({ alert }) => alert.id === id);
      if (book === null || entry === undefined) return { ok: false, text: noAlert(id) };
      const now = context.clock.now();
      const next = what === 'retry' ? retry(book, id, now) : drop(book, id, now);
      const written = await writeBook(context.paths.state, next);
      if (written.kind === 'failed') return { ok: false, text: written.because };
      const done = what === 'retry' ? 'is sent when the watchdog starts' : 'is not sent any more';
      return { ok: true, text: `alert ${id} ${done}` };
    });
  } finally {
    shop.log.close();
  }
}
