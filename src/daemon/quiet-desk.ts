import type { Notice } from '../core/notice.ts';
import type { AlertDesk } from './alert-desk.ts';

/**
 * The alerts of a command that does the watchdog's work in its absence: whoever typed it reads what is said, so nothing of
 * it is sent, then or by the next watchdog. How an incident ended stays news, for its outage may have been told before.
 */
export const quietDesk: AlertDesk = {
  hear: (journal) => ({
    append: (entry) => journal.append({ ...entry, notices: entry.notices.map(asAsked) }),
    close: journal.close,
  }),
  looked: () => undefined,
  view: () => ({ channels: 0, waiting: 0, since: null, givenUp: 0, problem: null, isBroken: false }),
  retry: () => noHands,
  drop: () => noHands,
};

const noHands = { ok: false, text: 'nothing was changed: only the watchdog sends alerts' } as const;

const asAsked = (notice: Notice): Notice =>
  notice.kind === 'resolved' || notice.kind === 'closed' ? notice : { ...notice, asked: true };
