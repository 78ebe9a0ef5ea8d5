import type { GroundEvidence, LogEvidence } from '../core/ground-evidence.ts';
import type { Clock } from '../core/time.ts';
import { newestBoot, readBootHistory } from '../gateway/boot-history.ts';
import { readChannels } from '../gateway/channels.ts';
import { findSigns } from '../gateway/crash-log.ts';
import { createLogTail } from './log-tail.ts';

interface LogSightParts {
  readonly clock: Clock;
  /** The gateway's console logs, newest first. */
  readonly files: () => readonly string[];
  /** OpenClaw records failed starts below it. */
  readonly stateDir: () => string;
  /** OpenClaw's state database. */
  readonly sqlite: () => string;
  /** The installed OpenClaw's version; null when it is not known. */
  readonly version: () => string | null;
  readonly redact: (text: string) => string;
}

interface LogSight {
  /** `rpcHealth`: the payload of a `health` answer of the same look, where there is one. */
  look(ask: {
    readonly serving: boolean;
    readonly rpcHealth?: unknown;
  }): Promise<Pick<GroundEvidence, 'log' | 'boot' | 'channels'>>;
  /** The gateway serves: what its log holds by now is past. A stat of each file, and a folder of twenty names. */
  pass(): Promise<void>;
}

/**
 * What the gateway tells of itself: its log since it last served, its newest boot, its channels. While it serves its
 * log is not read, only passed over, so that what is found after its end is about that end.
 */
export function createLogSight(parts: LogSightParts): LogSight {
  const { clock, sqlite, version, redact } = parts;
  const tail = createLogTail();

  const places = () => ({ files: parts.files(), stateDir: parts.stateDir() });

  const readLog = async (serving: boolean): Promise<LogEvidence> => {
    if (serving) return { kind: 'unread' };
    const { texts, problems } = await tail.read(places(), clock.now());
    if (texts.length === 0) {
      const because = problems[0] ?? 'the gateway has no log that is kept';
      return { kind: 'unknown', because: `the gateway's log cannot be read: ${because}` };
    }
    return { kind: 'read', findings: findSigns(texts, redact) };
  };

  return {
    look: async ({ serving, rpcHealth }) => {
      const [log, history] = await Promise.all([readLog(serving), readBootHistory(sqlite())]);
      return {
        log,
        boot: newestBoot(history, redact),
        // Channels are held down while the gateway serves; one that is down has none.
        channels: serving
          ? readChannels({ now: clock.now(), history, version: version(), rpcHealth })
          : { kind: 'unread' },
      };
    },
    pass: () => tail.pass(places()),
  };
}
