import { isAbsolute, join } from 'node:path';

/** Where everything of ours lives. Only absolute paths. */
export interface Paths {
  readonly data: string;
  readonly config: string;
  /** Our own copy of Node. */
  readonly runtime: string;
  /** The bundle and its templates. */
  readonly app: string;
  /** The launcher the LaunchAgents and the link start. */
  readonly bin: string;
  readonly state: string;
  readonly commands: string;
  readonly lease: string;
  readonly journal: string;
  readonly checkpoint: string;
  readonly heartbeat: string;
  readonly configBackup: string;
  readonly archives: string;
  readonly quarantine: string;
  readonly alertFile: string;
  /** What launchd starts in the gateway's place, where that was asked for: it must outlive the rest of ours. */
  readonly safeStart: string;
  readonly logs: string;
  /** `immune` on the operator's PATH. */
  readonly link: string;
  readonly launchAgents: string;
}

export type Layout = 'macos' | 'xdg';

/** The installed launcher sets these two, so that a moved or second installation finds its own files. */
const dataVariable = 'OPENCLAW_IMMUNE_DATA';
const logsVariable = 'OPENCLAW_IMMUNE_LOGS';
const name = 'openclaw-immune';

export function resolvePaths(request: {
  readonly home: string;
  readonly layout: Layout;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Paths {
  const { home, layout, env } = request;
  const data = absolute(env[dataVariable]) ?? join(dataHome(request), name);
  const logs = absolute(env[logsVariable]) ?? logsHome(request);
  const state = join(data, 'state');
  return {
    data,
    config: join(data, 'config.json5'),
    runtime: join(data, 'runtime'),
    app: join(data, 'app'),
    bin: join(data, 'bin'),
    state,
    commands: join(state, 'commands'),
    lease: join(state, 'lease'),
    journal: join(state, 'journal.jsonl'),
    checkpoint: join(state, 'state.json'),
    heartbeat: join(state, 'status.json'),
    configBackup: join(data, 'config-backup'),
    archives: join(data, 'archives'),
    quarantine: join(data, 'quarantine'),
    alertFile: join(data, 'ALERT.md'),
    safeStart: `${data}-safe-start`,
    logs,
    link: join(home, '.local', 'bin', 'immune'),
    launchAgents:
      layout === 'macos'
        ? join(home, 'Library', 'LaunchAgents')
        : // Only macOS has such a directory; elsewhere a place of our own, so that nothing of the system is touched.
          join(data, 'launchd'),
  };
}

function dataHome(request: Parameters<typeof resolvePaths>[0]): string {
  if (request.layout === 'macos') return join(request.home, 'Library', 'Application Support');
  return absolute(request.env['XDG_DATA_HOME']) ?? join(request.home, '.local', 'share');
}

function logsHome(request: Parameters<typeof resolvePaths>[0]): string {
  if (request.layout === 'macos') return join(request.home, 'Library', 'Logs', name);
  const stateHome = absolute(request.env['XDG_STATE_HOME']) ?? join(request.home, '.local', 'state');
  return join(stateHome, name, 'logs');
}

/** The XDG specification says to ignore relative paths; for our own variables the same holds. */
function absolute(path: string | undefined): string | null {
  return path !== undefined && isAbsolute(path) ? path : null;
}
