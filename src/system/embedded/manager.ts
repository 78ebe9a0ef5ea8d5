import type { ServiceOutcome, ServiceState } from '../../core/service.ts';
import { type Clock, seconds } from '../../core/time.ts';
import type { ServiceManager } from '../service-manager.ts';
import type { JobInfo, Supervisor } from './supervisor.ts';

/** As with launchd: longer than the exit time-out of any job we know. */
const goneWithinMs = seconds(60);

/** The service manager port over our own supervisor. */
export function embeddedManager(supervisor: Supervisor, clock: Clock): ServiceManager {
  return {
    kind: 'embedded',
    read: async (label) => {
      const info = supervisor.print(label);
      return info === null ? { kind: 'not-loaded' } : stateOf(info);
    },
    readDisabled: async (label) => (supervisor.overridden().get(label) === true ? 'disabled' : 'enabled'),
    labels: async () => supervisor.labels(),
    enable: async (label) => {
      supervisor.setDisabled(label, false);
      return { kind: 'done' };
    },
    bootstrap: async (label, plistPath) => {
      const first = await supervisor.bootstrap(plistPath, label);
      if (first.kind === 'done' || first.code === 17) return { kind: 'done' };
      // The old job still stops: its own bootout promise says when the label is free.
      if (first.code !== 37) return first;
      const gone = await removed(supervisor, clock, label);
      return gone.kind === 'done' ? supervisor.bootstrap(plistPath, label) : gone;
    },
    bootout: (label) => removed(supervisor, clock, label),
    kickstart: async (label, options) => {
      const reply = await supervisor.kickstart(label, options);
      // As launchctl, a start that failed to execute is a success here; the next read shows exit 78.
      return reply.kind === 'failed' ? reply : { kind: 'done' };
    },
  };
}

async function removed(supervisor: Supervisor, clock: Clock, label: string): Promise<ServiceOutcome> {
  const leaving = supervisor.bootout(label);
  if (leaving === null) return { kind: 'done' };
  const controller = new AbortController();
  const gone = leaving.gone.then(() => controller.abort());
  await Promise.race([gone, clock.sleep(goneWithinMs, controller.signal)]);
  if (controller.signal.aborted) return { kind: 'done' };
  const because = `${label} was asked to stop and is still there after ${goneWithinMs / 1000} seconds.`;
  return { kind: 'failed', code: null, because };
}

function stateOf(info: JobInfo): ServiceState {
  const { runs, lastExit, pid } = info;
  switch (info.state) {
    case 'running':
      return pid === null
        ? { kind: 'unknown', because: `${info.label} is said to run but has no pid.` }
        : { kind: 'running', pid, runs, lastExit };
    case 'spawn scheduled':
    case 'spawning':
      return { kind: 'scheduled', runs, lastExit };
    case 'SIGTERMed':
    case 'SIGKILLed':
      return { kind: 'stopping', pid };
    case 'not running':
      return info.pended === null
        ? { kind: 'stopped', runs, lastExit }
        : { kind: 'pended', reason: info.pended, runs };
    default:
      return info.state satisfies never;
  }
}
