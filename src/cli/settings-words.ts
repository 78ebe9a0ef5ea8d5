import type { LoadOutcome } from '../config/settings.ts';

/** One sentence a problem: which file, which key, what to write instead. */
export function problemsText(loaded: Exclude<LoadOutcome, { kind: 'ok' }>): readonly string[] {
  switch (loaded.kind) {
    case 'missing':
      return [`there is no ${loaded.path}`];
    case 'unreadable':
      return [loaded.because];
    case 'invalid':
      return loaded.problems.map(({ path, key, hint }) => `${path}${key === '' ? '' : `, ${key}`}: ${hint}`);
    default:
      return loaded satisfies never;
  }
}
