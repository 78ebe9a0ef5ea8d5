import type { Instant } from './time.ts';

/** Why something was sent, or was not. `immune alerts why` says them in these words. */
export const reasonWords = {
  'grace-over': 'sent: it is still down after the time in which it usually heals itself (alertGraceMs)',
  repair: 'sent: files of the operator were replaced',
  'after-down': 'sent: its outage was told before, so what is done about it is told too',
  'rung-up': 'sent: what was tried before did not help, so the next rung was taken',
  'needs-you': 'sent: nothing is left that could help',
  'serves-again': 'sent: its outage was told before, so its end is told too',
  'healed-by-action': 'sent: it was mended before its outage had to be told; one message says it all',
  ended: 'sent: its outage was told before, and it ended without being mended',
  condition: 'sent: a condition that somebody should know of',
  flaps: 'sent: the gateway is lost again and again; from now on an hourly digest',
  'digest-due': 'sent: what happened while it flaps, at most once in alertDigestMs',
  'still-open': 'sent: the incident is still open, and nothing was said of it for alertReminderMs',
  'too-many': 'sent: one message for all that were beyond alertsPerHour',
  'in-grace': 'not sent: it usually heals itself; told when it does not within alertGraceMs',
  'healed-in-grace': 'not sent: it healed itself before it had to be told',
  'left-alone':
    'not sent: it is left alone for now (an update, a pause, a wake); told when it is down after that',
  'self-healing': 'not sent: a restart of an outage that was not told; its end tells it',
  'said-with-exhausted': 'not sent: the message that it needs you says it too',
  'said-at-the-end': 'not sent: the message about the end of the incident says it',
  'mended-beside': 'not sent: the gateway serves on, and the repair is told itself',
  'asked-by-operator': 'not sent: somebody asked for it',
  'in-digest': 'not sent: it flaps, and the next digest says it',
  'already-told': 'not sent: the same was told within alertReminderMs',
  acknowledged: 'not sent: the incident was acknowledged, so it needs no reminder',
  'over-the-cap': 'not sent by itself: more than alertsPerHour; one message tells how many there were',
  'no-channel': 'sent nowhere: no channel is set up, only ALERT.md tells it',
  'below-severity': 'sent nowhere: no channel wants messages of this severity (minSeverity)',
  superseded: 'not sent any more: a newer message says more',
  'channel-removed': 'not sent any more: the channel is gone from the settings',
  'given-up': 'given up: it could not be delivered within alertGiveUpMs',
  crowded: 'given up: too many messages wait to be delivered',
  dropped: 'not sent any more: the operator dropped it',
} as const;

export type ReasonCode = keyof typeof reasonWords;

export interface Reason {
  readonly at: Instant;
  readonly code: ReasonCode;
  readonly incident: string | null;
  /** The alert it is about; null where none was made. */
  readonly alert: string | null;
  /** What it is about, in a few words. */
  readonly about: string;
}
