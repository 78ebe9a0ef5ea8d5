import type { Context } from '../../src/cli/context.ts';
import type { Notice } from '../../src/core/notice.ts';
import { type Action, type Attempt, type Incident, initialState, type State } from '../../src/core/state.ts';
import { type Instant, instant } from '../../src/core/time.ts';
import { type JournalEntry, openJournal } from '../../src/daemon/journal.ts';

const start = Date.parse('2026-11-20T03:00:00Z');
export const moment = (seconds: number): Instant => instant(start + seconds * 1_000);

export const incidentOf = (id: string, at: number, more: Partial<Incident> = {}): Incident => ({
  id,
  openedAt: moment(at),
  cause: 'hung',
  because: 'connections open and nothing answers',
  attempts: [],
  attemptsFrom: 0,
  exhaustedAt: null,
  exhaustedOn: null,
  acknowledgedAt: null,
  servingAt: null,
  closedAt: null,
  outcome: null,
  ...more,
});

const attemptOf = (id: string, at: number, more: Partial<Attempt> = {}): Attempt => ({
  actionId: id,
  rung: 'L1',
  kind: 'restart',
  cause: 'hung',
  at: moment(at),
  remedy: null,
  left: null,
  outcome: 'unknown',
  ...more,
});

const notice = (kind: Notice['kind'], at: number, incident: string | null, text: string): Notice => ({
  kind,
  at: moment(at),
  incident,
  text,
});

interface Life {
  readonly id: string;
  readonly at: number;
  /** A config rollback instead of a restart. */
  readonly rollback?: boolean;
  readonly actionId: string;
}

/** The lines of one incident: opened, one action, its outcome, serving again. */
export function lifeOf({ id, at, actionId, rollback = false }: Life): readonly JournalEntry[] {
  const serving: State = { ...initialState, phase: { kind: 'healthy' }, cause: 'serving' };
  const step: Action['step'] = rollback
    ? { kind: 'rollback', remedy: 'snapshot-1', replaces: null }
    : { kind: 'restart', label: 'ai.openclaw.gateway', expected: { pid: 7, startedAt: moment(at) } };
  const kind = step.kind;
  const attempt = attemptOf(actionId, at + 10, { kind, remedy: rollback ? 'snapshot-1' : null });
  const opened = incidentOf(id, at);
  const acting = incidentOf(id, at, { attempts: [attempt] });
  const acted = incidentOf(id, at, { attempts: [{ ...attempt, outcome: 'done' }] });
  const because = 'connections open and nothing answers';
  const action: Action = {
    id: actionId,
    incident: id,
    rung: 'L1',
    step,
    because,
    deadlineAt: moment(at + 60),
  };
  const text = `serving again after 1 action of the watchdog; it was away for 20 s`;
  const closed = { ...acted, servingAt: moment(at + 20), closedAt: moment(at + 50), outcome: text };
  return [
    entry('decided', at + 5, because, {
      state: { ...serving, phase: { kind: 'suspect' }, cause: 'hung', incident: opened, because },
      notices: [notice('opened', at + 5, id, `incident ${id}: ${because}`)],
    }),
    entry('intent', at + 10, because, {
      state: {
        ...serving,
        cause: 'hung',
        because,
        incident: acting,
        phase: { kind: 'repairing', action, startedAt: moment(at + 10) },
      },
      notices: [notice('action', at + 10, id, `restart the gateway (${actionId}): ${because}`)],
    }),
    entry('outcome', at + 14, 'restarted as process 9; waiting for the gateway to serve', {
      state: { ...serving, cause: 'hung', incident: acted, phase: { kind: 'starting' } },
      notices: [],
    }),
    entry('decided', at + 50, 'the gateway serves', {
      state: { ...serving, lastIncident: closed },
      notices: [notice('resolved', at + 50, id, `incident ${id} (hung): ${text}`)],
    }),
  ];
}

const entry = (
  kind: JournalEntry['kind'],
  at: number,
  because: string,
  more: Pick<JournalEntry, 'state' | 'notices'>,
): JournalEntry => ({ kind, at: moment(at), because, ...more });

/** Writes as the daemon writes. */
export async function journal(
  { paths }: Pick<Context, 'paths'>,
  entries: readonly JournalEntry[],
): Promise<void> {
  const opened = await openJournal(paths.state, moment(0));
  if (opened.kind === 'failed') throw new Error(opened.because);
  for (const each of entries) {
    const written = await opened.journal.append(each);
    if (written.kind === 'failed') throw new Error(written.because);
  }
  await opened.journal.close();
}
