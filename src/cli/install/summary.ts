import { delimiter, dirname, join } from 'node:path';
import type { Ground } from './context.ts';
import type { Target } from './target.ts';

/** The short summary at the end: what is there now, where to look, what to type next. */
export function lastWords(request: {
  readonly target: Target;
  readonly ground: Ground;
  readonly mode: 'act' | 'observe';
  readonly path: string | undefined;
  /** Whether `immune` on the operator's PATH is our link. */
  readonly linked: boolean;
  /** Whether the settings name a channel for alerts. */
  readonly alerts: boolean;
}): readonly string[] {
  const { target, ground, mode } = request;
  const { link } = target;
  const onPath = (request.path ?? '').split(delimiter).includes(dirname(link.path));
  const ours = request.linked ? link.path : link.target;
  const command = onPath && request.linked ? 'immune' : ours;
  const typed = command.includes(' ') ? `'${command.replaceAll("'", "'\\''")}'` : command;
  const guard =
    mode === 'act' ? 'It guards the gateway now.' : 'It only observes: it decides and tells, and never acts.';
  return [
    `Installed; the watchdog runs and the other jobs are loaded. ${guard}`,
    `  log       ${join(ground.paths.logs, 'watchdog.log')}`,
    `  settings  ${ground.paths.config}`,
    '  macOS may show "Background Items Added": that is openclaw-immune, leave it on in Login Items.',
    'Next:',
    `  ${typed} status`,
    ...(request.alerts ? [`  ${typed} alerts test      a test message to each of your channels`] : []),
    ...(onPath
      ? []
      : [`  (${dirname(link.path)} is not on your PATH; with it there, "immune status" is enough)`]),
  ];
}
