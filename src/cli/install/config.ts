import type { LoadOutcome, Settings, SettingsProblem } from '../../config/settings.ts';
import { UserError } from '../../core/errors.ts';
import { exists } from './context.ts';
import type { FoundTools } from './tools.ts';

export interface KnownConfig {
  /** What an existing config says; null when there is none yet. */
  readonly settings: Settings | null;
}

/** The operator's config as it is; one that cannot be used is refused before anything is changed. */
export function configFor(loaded: LoadOutcome): KnownConfig {
  switch (loaded.kind) {
    case 'missing':
      return { settings: null };
    case 'ok':
      return { settings: loaded.settings };
    case 'unreadable':
      throw invalid(loaded.path, [{ path: loaded.path, key: '', hint: loaded.because }]);
    case 'invalid':
      throw invalid(loaded.problems[0]?.path ?? 'config.json5', loaded.problems);
    default:
      return loaded satisfies never;
  }
}

function invalid(path: string, problems: readonly SettingsProblem[]): UserError {
  const list = problems.map(({ key, hint }) => (key === '' ? hint : `${key}: ${hint}`)).join('; ');
  return new UserError('config', `nothing has been installed, because ${path} cannot be used: ${list}`, {
    hint: `mend it (or move it away: a new one is written then), and install again: ${path}`,
    exitCode: 2,
  });
}

/** An existing config is never rewritten, so what no longer fits is told. */
export async function configNotes(
  settings: Settings,
  now: { readonly observe: boolean; readonly tools: FoundTools; readonly path: string },
): Promise<readonly string[]> {
  const notes = [`${now.path} exists and is kept as it is (mode: '${settings.mode}')`];
  if (now.observe && settings.mode !== 'observe') {
    notes.push(
      `--observe changes only a new config: write mode: 'observe' into ${now.path}, the watchdog takes it up by itself`,
    );
  }
  for (const [tool, path] of Object.entries(settings.tools)) {
    if (path === null) continue;
    const found = now.tools[tool as keyof Settings['tools']];
    if (!(await exists(path))) {
      notes.push(
        `tools.${tool} in the config is ${path}, which is gone${found === null ? '' : `; now it is ${found}`}`,
      );
    } else if (tool === 'launchctl' && found !== path) {
      notes.push(`tools.launchctl in the config is ${path}, while PATH leads to ${found}`);
    }
  }
  return notes;
}
