import type { Processes } from '../system/process.ts';

/** A process as `ps` shows it; `command` is its arguments or the title it gave itself. */
export interface LiveProcess {
  readonly pid: number;
  /** Absent where nobody asks who started it. */
  readonly ppid?: number;
  /** Absent where nobody asks whose it is. */
  readonly uid?: number;
  readonly command: string;
}

/** Reads the process list; it costs a child process, so it is only called when a file raises the question. */
export type ListProcesses = () => Promise<readonly LiveProcess[]>;

/** The whole list, or a rejection: an empty one would say that nobody is at work, where the question is open. */
export const listerOf =
  (processes: Pick<Processes, 'list'>): ListProcesses =>
  async () => {
    const outcome = await processes.list();
    if (outcome.kind === 'unknown') throw new Error(outcome.because);
    return outcome.rows;
  };

/** A package manager that changes installed packages (not `npm start`), or OpenClaw's own updater. */
export function isUpdater({ command }: LiveProcess): boolean {
  const manager = /(?:^|[\s/])(?:npm|pnpm|yarn|bun)(?:-cli\.js|\.js|\.cjs)?(?=\s)(.*)$/.exec(command)?.[1];
  if (manager !== undefined && /\s(?:install|i|add|ci|update|up|upgrade|rebuild)(?:\s|$)/.test(manager)) {
    return true;
  }
  return /(?:openclaw(?:\.mjs)?|dist\/(?:index|entry)\.m?js)\s+update(?:\s|$)|managed-handoff/.test(command);
}

/** A gateway: 2026.9.6 renames itself `openclaw-gateway`, older ones `openclaw`; before that the arguments show. */
export const isGateway = ({ command }: LiveProcess): boolean =>
  /^openclaw(?:-gateway)?(?:\s|$)|(?:openclaw|index|entry)(?:\.m?js)?\s(?:.*\s)?gateway(?:\s|$)/.test(
    command,
  );
