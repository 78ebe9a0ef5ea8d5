import type { LoadOutcome, Settings } from '../config/settings.ts';
import { UserError } from '../core/errors.ts';

/** One sentence a problem: which file, which key, what to write instead. */
export function problemsText(loaded: Exclude<LoadOutcome, { kind: 'ok' }>): readonly string[] {
  switch (loaded.kind) {
    case 'missing':
      return [`there is no ${loaded.path}`];
    case 'unreadable':
      return [loaded.because];
    case 'invalid':
      return loaded.problems.map(({ path, key, hint }) => `${path}: ${key === '' ? '' : `${key} `}${hint}`);
    default:
      return loaded satisfies never;
  }
}

/** The settings, or the error that says what to mend: exit code 2. */
export function settingsOrThrow(loaded: LoadOutcome): Settings {
  if (loaded.kind === 'ok') return loaded.settings;
  const hint =
    loaded.kind === 'missing'
      ? './install.sh'
      : 'mend the file; nothing else is changed by it until it is valid';
  throw new UserError('settings', problemsText(loaded).join('\n'), { hint, exitCode: 2 });
}
