import { decide, type Event } from '../core/decide.ts';
import { inDoubt } from '../core/decision.ts';
import type { Notice } from '../core/notice.ts';
import { defaultPolicy } from '../core/policy.ts';
import { begunAnew } from '../core/restore-state.ts';
import { type Action, initialState, type State } from '../core/state.ts';
import type { Log } from '../system/log.ts';
import type { Journal, Replay } from './journal.ts';
import type { SteadyClock } from './steady-time.ts';

type Tell = (state: State, notices: readonly Notice[]) => Promise<void>;

/** Takes up where the journal ends: an action without an outcome is interrupted, a damaged journal means hands off. */
export async function begin(
  replay: Replay,
  {
    clock,
    journal,
    log,
    tell,
    neverBegun,
  }: {
    readonly clock: SteadyClock;
    readonly journal: Journal;
    readonly log: Log;
    readonly tell: Tell;
    /** Whether the action has certainly changed nothing: then it costs nothing. */
    readonly neverBegun: (action: Action) => Promise<boolean>;
  },
): Promise<State> {
  for (const report of replay.reports) log.warn(`Reading the journal: ${report}`);
  let state = replay.state ?? initialState;
  if (state.phase.kind === 'repairing') {
    const { action } = state.phase;
    const actionId = action.id;
    const because = 'the watchdog ended before anything was changed';
    const event: Event = (await neverBegun(action))
      ? { kind: 'finished', actionId, outcome: { kind: 'refused', because } }
      : { kind: 'interrupted', actionId };
    const next = decide(state, event, clock.now(), {
      policy: defaultPolicy,
      mode: 'act',
      // An interrupted action decides nothing by its label.
      label: '',
    });
    state = next.state;
    const what = event.kind === 'finished' ? `had changed nothing yet` : 'is counted as made';
    log.warn(`Action ${actionId} was interrupted by the end of the watchdog; it ${what}`);
  }
  state = begunAnew(state, clock.now());
  // Said at every start until somebody resumes: the first saying may have been cut short.
  const notices: readonly Notice[] = inDoubt(state)
    ? [{ kind: 'told', at: clock.now(), incident: null, text: doubtText(state, replay) }]
    : [];
  const written = await journal.append({
    at: clock.now(),
    kind: 'started',
    because: state.because,
    notices,
    state,
  });
  if (written.kind === 'failed') log.error(`The journal cannot be written: ${written.because}`);
  await tell(state, notices);
  return state;
}

/** What the state says may be about the gateway: looks go on in doubt. */
function doubtText({ phase }: State, { reports }: Replay): string {
  const own = phase.kind === 'suspended' && phase.cause === 'own-fault';
  const what = own
    ? 'looks in a row failed by a bug of the watchdog'
    : "the watchdog's own journal is damaged or was";
  const details = reports.length === 0 ? '' : `: ${reports.join('; ')}`;
  return `${what}, so it decides nothing until "immune resume"${details}`;
}
