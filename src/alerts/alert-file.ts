import type { Notice } from '../core/notice.ts';
import type { State } from '../core/state.ts';
import { type FileOutcome, writeDurable } from '../system/durable-file.ts';
import { plainLine } from './plain.ts';

/**
 * The local L4 alert: one file that always tells whether the operator is needed, why, and what to type. Written only
 * when a notice says so; it is no log (the journal and watchdog.log are).
 */
export async function writeAlertFile(
  path: string,
  state: State,
  notices: readonly Notice[],
): Promise<FileOutcome | null> {
  if (!notices.some((notice) => notice.kind !== 'opened' && notice.kind !== 'action')) return null;
  return writeDurable(path, renderAlert(state, notices), { mode: 0o600 });
}

const maxLine = 2_000;

/** Nothing is decided until a person says "resume". */
const doubts: ReadonlySet<string> = new Set(['journal-in-doubt', 'own-fault']);

function renderAlert(state: State, notices: readonly Notice[]): string {
  const open = state.incident;
  const doubt = state.phase.kind === 'suspended' && doubts.has(state.phase.cause);
  const needed = open?.exhaustedAt != null || state.told.length > 0 || doubt;
  const lines = [needed ? '# openclaw-immune needs you' : '# openclaw-immune: nothing needs you', ''];
  if (open !== null) {
    lines.push(`- Open incident ${open.id} since ${stamp(open.openedAt)}: ${open.because}`);
    lines.push(`- Actions made: ${open.attempts.length}`);
  }
  for (const notice of notices) lines.push(`- ${stamp(notice.at)} ${notice.kind}: ${notice.text}`);
  lines.push('', `Now: ${state.because}`, '', 'Next: `immune status`, `immune logs -n 50`', '');
  // A line of our own stays one: a reason may quote what the gateway wrote, with line breaks and terminal codes in it.
  return lines.map((line) => plainLine(line, maxLine)).join('\n');
}

const stamp = (at: number): string => new Date(at).toISOString();
