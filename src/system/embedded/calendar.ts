import { type Instant, instant } from '../../core/time.ts';
import type { CalendarEntry } from '../launchd/job.ts';

const minuteMs = 60_000;
/** How far back a sleep is looked through for a missed slot: beyond a week every weekly slot was missed anyway. */
const longestLookBackMinutes = 8 * 24 * 60;

/** Whether the minute that holds `at` is a slot of this entry, in local time. */
export function matchesEntry(entry: CalendarEntry, at: Instant): boolean {
  const local = new Date(at);
  if (entry.minute !== undefined && entry.minute !== local.getMinutes()) return false;
  if (entry.hour !== undefined && entry.hour !== local.getHours()) return false;
  if (entry.month !== undefined && entry.month !== local.getMonth() + 1) return false;
  const day = entry.day === undefined ? null : entry.day === local.getDate();
  const weekday = entry.weekday === undefined ? null : entry.weekday % 7 === local.getDay();
  if (day !== null && weekday !== null) return day || weekday;
  return day ?? weekday ?? true;
}

/** Whether any minute after `from` up to and including `to` is a slot: what a sleep missed makes one start. */
export function anySlot(entries: readonly CalendarEntry[], from: Instant, to: Instant): boolean {
  const last = Math.floor(to / minuteMs);
  const first = Math.max(Math.floor(from / minuteMs) + 1, last - longestLookBackMinutes);
  for (let minute = first; minute <= last; minute += 1) {
    if (entries.some((entry) => matchesEntry(entry, instant(minute * minuteMs)))) return true;
  }
  return false;
}

/** The beginning of the minute after `at`. */
export const nextMinute = (at: Instant): Instant => instant((Math.floor(at / minuteMs) + 1) * minuteMs);
