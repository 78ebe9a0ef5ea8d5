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

/** "12 MB", "1.5 GB": sizes as a person says them, in powers of 1024. */
export function spellBytes(bytes: number): string {
  const mega = bytes / 1_048_576;
  if (mega < 1) return `${Math.round(bytes / 1024)} kB`;
  return mega < 1024 ? `${Math.round(mega)} MB` : `${Math.round(mega / 102.4) / 10} GB`;
}
