import type { StatusFacts } from '../../src/cli/status/view.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { type Incident, initialState, type State } from '../../src/core/state.ts';
import { instant, type Millis, minutes, plus, seconds } from '../../src/core/time.ts';
import type { StatusFile } from '../../src/daemon/status-file.ts';

export const now = instant(Date.parse('2026-11-22T12:00:00Z'));
export const earlier = (length: Millis) => instant(now - length);
/** A watchdog that is this very process, and has just looked. */
export const aliveHere = (): Pick<StatusFile, 'pid' | 'at'> => ({
  pid: process.pid,
  at: instant(Date.now()),
});
const in_ = (length: Millis) => plus(now, length);

const generation = {
  pid: 512,
  startedAt: earlier(minutes(184)),
  bootId: 'b1',
  firstSeenAt: earlier(minutes(184)),
  listenedAt: earlier(minutes(183)),
  readyAt: earlier(minutes(183)),
};

export const closedIncident: Incident = {
  id: 'I3',
  openedAt: earlier(minutes(150)),
  cause: 'hung',
  because: "the gateway's process is alive but answers nothing",
  attempts: [
    {
      actionId: 'A2',
      rung: 'L1',
      kind: 'restart',
      cause: 'hung',
      at: earlier(minutes(149)),
      remedy: null,
      left: null,
      outcome: 'done',
    },
  ],
  attemptsFrom: 0,
  exhaustedAt: null,
  exhaustedOn: null,
  acknowledgedAt: null,
  servingAt: earlier(minutes(149)),
  closedAt: earlier(minutes(148)),
  outcome: 'serving again after 1 action of the watchdog; it was away for 31 s',
};

export function statusFile(state: Partial<State> = {}, file: Partial<StatusFile> = {}): StatusFile {
  return {
    version: 1,
    pid: 401,
    startedAt: earlier(minutes(600)),
    at: earlier(seconds(3)),
    mode: 'act',
    state: {
      ...initialState,
      phase: { kind: 'healthy' },
      cause: 'serving',
      because: 'the gateway answers and the held connection is accepted',
      generation,
      lastReady: generation,
      ...state,
    },
    evidence: null,
    gateway: {
      label: 'ai.openclaw.gateway',
      url: 'http://127.0.0.1:18789',
      version: '2026.9.6',
      auth: 'authenticated',
      problems: [],
    },
    lastDeepProbeAt: earlier(seconds(60)),
    nextDeepProbeAt: in_(seconds(110)),
    nextSnapshotAt: in_(minutes(40)),
    nextArchiveAt: in_(minutes(4320)),
    shortened: [],
    settingsProblem: null,
    ...file,
  };
}

/** A healthy installation; a test changes what it is about. */
export function facts(change: Partial<StatusFacts> = {}): StatusFacts {
  return {
    now,
    uid: 501,
    file: { kind: 'read', status: statusFile() },
    daemonProcess: 'alive',
    settings: { kind: 'ok' },
    policy: defaultPolicy,
    url: 'http://127.0.0.1:18789',
    healthz: { kind: 'live', latencyMs: 2 },
    gatewayJob: {
      label: 'ai.openclaw.gateway',
      state: { kind: 'running', pid: 512, runs: 1, lastExit: { kind: 'never' } },
    },
    watchdogJob: {
      label: 'org.openclaw-immune.watchdog',
      state: { kind: 'running', pid: 401, runs: 1, lastExit: { kind: 'never' } },
    },
    watchdogPlist: '/Users/ada/Library/LaunchAgents/org.openclaw-immune.watchdog.plist',
    safeStart: { kind: 'none' },
    found: null,
    ...change,
  };
}
