import type { Instant, Millis } from './time.ts';

/** "45 s", "3 min", "2 h 5 min": lengths as a person says them. */
export function spell(length: Millis | number): string {
  const s = Math.round(length / 1000);
  if (length < 1000) return `${Math.round(length)} ms`;
  if (s < 120) return `${s} s`;
  const m = Math.round(s / 60);
  if (m < 120) return `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 === 0 ? `${h} h` : `${h} h ${m % 60} min`;
  return `${Math.floor(h / 24)} days`;
}

/** How long from now until `at`, never negative. */
export function spellUntil(at: Instant, now: Instant): string {
  return spell(Math.max(0, at - now));
}
