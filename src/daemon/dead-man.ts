import type { Pinger } from '../alerts/channel.ts';
import { inDoubt } from '../core/decision.ts';
import type { Policy } from '../core/policy.ts';
import type { State } from '../core/state.ts';
import { type Clock, type Millis, millis, seconds } from '../core/time.ts';
import type { Log } from '../system/log.ts';

export interface DeadMan {
  /** After each look that was completed, with what was decided on it. Returns at once and never throws. */
  seen(state: State): void;
  close(): Promise<void>;
}

interface DeadManParts {
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly policy: () => Policy;
  readonly pingers: () => readonly Pinger[];
}

/** One after the other on each channel; a ping that hangs is given up on. */
const pingMs = seconds(30);
/** A ping that did not arrive is made again after this: the other side alarms after ten minutes of silence. */
const againMs = seconds(60);

interface Line {
  /** What the other side heard last; null: nothing from this life of the watchdog. */
  heard: 'alive' | 'fail' | null;
  nextAt: Millis;
  flight: Promise<void> | null;
  /** A failure is said once. */
  complained: boolean;
}

/**
 * The alarm that needs nobody to raise it: the other side is told that all is well, and alarms when that stops. It is
 * said right after a look that found the gateway serving, so it says three things: this machine runs, the loop turns,
 * the gateway is ready. Exhaustion is said at once.
 */
export function createDeadMan({ clock, log, policy, pingers }: DeadManParts): DeadMan {
  const lines = new Map<string, Line>();
  const closing = new AbortController();

  const lineOf = (name: string): Line => {
    const known = lines.get(name);
    if (known !== undefined) return known;
    const line: Line = { heard: null, nextAt: millis(0), flight: null, complained: false };
    lines.set(name, line);
    return line;
  };

  const ping = async (pinger: Pinger, line: Line, kind: 'alive' | 'fail'): Promise<void> => {
    const settled = new AbortController();
    const late = clock
      .sleep(pingMs, AbortSignal.any([settled.signal, closing.signal]))
      .then(() => ({ kind: 'later' as const, because: `no answer within ${pingMs / 1_000} s` }));
    const sent = pinger
      .ping(kind, AbortSignal.any([AbortSignal.timeout(pingMs), closing.signal]))
      .catch((error: unknown) => ({ kind: 'later' as const, because: String(error) }));
    const outcome = await Promise.race([sent, late]);
    settled.abort();
    if (outcome.kind === 'delivered') {
      if (line.heard !== kind) log.info(`The dead-man channel ${pinger.name} heard "${kind}"`);
      line.heard = kind;
      line.complained = false;
      line.nextAt = millis(clock.elapsed() + policy().deadManMs);
      return;
    }
    line.nextAt = millis(clock.elapsed() + Math.min(againMs, policy().deadManMs));
    if (!line.complained && !closing.signal.aborted)
      log.warn(`The dead-man channel ${pinger.name} could not be reached: ${outcome.because}`);
    line.complained = true;
  };

  return {
    seen: (state) => {
      const kind = wordOf(state);
      if (kind === null || closing.signal.aborted) return;
      for (const pinger of pingers()) {
        const line = lineOf(pinger.name);
        if (line.flight !== null) continue;
        // A failure is said once; what is new is said at once.
        if (kind === 'fail' && line.heard === 'fail') continue;
        const isNews = line.heard !== null && line.heard !== kind && !line.complained;
        if (!isNews && clock.elapsed() < line.nextAt) continue;
        line.flight = ping(pinger, line, kind).finally(() => {
          line.flight = null;
        });
      }
    },
    close: async () => {
      closing.abort();
      await Promise.all([...lines.values()].map(({ flight }) => flight));
    },
  };
}

/** Paused, the gateway is still what is asked about; in doubt about itself, the watchdog can vouch for nothing. */
function wordOf(state: State): 'alive' | 'fail' | null {
  if (inDoubt(state)) return null;
  if (state.cause === 'serving') return 'alive';
  return state.phase.kind === 'exhausted' ? 'fail' : null;
}
