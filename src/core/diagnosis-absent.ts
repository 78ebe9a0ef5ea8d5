import { countsAfterReady } from './audit-seen.ts';
import { crashLoop, diedBadly } from './diagnosis-crash.ts';
import { portHeld } from './diagnosis-port.ts';
import type { Diagnosis, Look } from './look.ts';
import { millis } from './time.ts';
import { spell } from './words.ts';

/** Rows for a gateway job without a process: lost, disabled, parked, pended, stopped, or waiting for its relaunch. */
export function diagnoseAbsent(look: Look): Diagnosis | null {
  const { evidence, rules, state } = look;
  const { policy, label } = rules;
  const service = evidence.service;
  switch (service.kind) {
    case 'not-loaded':
      return notLoaded(look);
    case 'pended':
      return {
        stance: 'failing',
        cause: 'pended',
        because: `launchd holds the start back (${service.reason}); only a kickstart ends that`,
        step: { kind: 'start', label },
        opensAfterMs: millis(0),
        dueAfterMs: policy.pendedGraceMs,
      };
    case 'stopped':
      return {
        stance: 'failing',
        cause: 'job-stopped',
        because: 'the job is loaded but has no process, and nothing is scheduled to start it',
        step: { kind: 'start', label },
        opensAfterMs: millis(0),
        dueAfterMs: policy.pendedGraceMs,
      };
    case 'scheduled':
      if (state.bootsSinceReady >= policy.crashLoopRuns) return crashLoop(look);
      return diedBadly(look) ?? late(look);

    case 'stopping':
      return {
        stance: 'untouchable',
        cause: 'draining',
        because: 'the gateway was asked to stop and is on its way',
        dueAfterMs: policy.drainGraceMs,
      };
    case 'unread':
    case 'running':
    case 'no-domain':
    case 'unknown':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return service satisfies never;
  }
}

function late({ rules: { policy, label } }: Look): Diagnosis {
  return {
    stance: 'failing',
    cause: 'relaunch-late',
    because: 'launchd has the next start scheduled and has not made it yet',
    step: { kind: 'start', label },
    opensAfterMs: policy.relaunchGraceMs,
    dueAfterMs: policy.relaunchGraceMs,
  };
}

function notLoaded(look: Look): Diagnosis {
  const { evidence, state, now, rules } = look;
  const { policy, label } = rules;
  const { audit, disabled } = evidence;
  if (evidence.plist === 'missing') {
    return {
      stance: 'hands-off',
      cause: 'not-installed',
      because: 'the gateway has no LaunchAgent on this machine: run "openclaw gateway install"',
    };
  }
  if (audit.kind === 'park' && countsAfterReady(audit, evidence, state)) return parked(look);
  if (disabled === 'disabled') {
    return {
      stance: 'hands-off',
      cause: 'disabled-by-operator',
      because: 'stopped by you: the job is disabled; "openclaw gateway start" brings it back',
      endsIncident: true,
    };
  }
  if (audit.kind === 'stop' && countsAfterReady(audit, evidence, state)) {
    return {
      stance: 'hands-off',
      cause: 'stopped-by-operator',
      because: 'stopped by you ("openclaw gateway stop"); "openclaw gateway start" brings it back',
      endsIncident: true,
    };
  }
  if (audit.kind === 'unknown' || disabled === 'unknown' || disabled === 'unread') {
    const why = audit.kind === 'unknown' ? audit.because : 'the list of disabled jobs could not be read';
    return {
      stance: 'unknown',
      cause: 'unknown',
      because: `the job is not loaded, and whether somebody meant that cannot be told: ${why}`,
    };
  }
  const lastReload = state.reloads[state.reloads.length - 1];
  const again =
    lastReload !== undefined && now - lastReload < policy.reloadWindowMs && state.bootsSinceReload > 0;
  if (again || state.leftDown) {
    return {
      stance: 'untouchable',
      cause: 'unloaded-again',
      because: `the job was unloaded again within ${spell(policy.reloadWindowMs)} of our reload: somebody means it, so it is left down; "openclaw gateway start" brings it back`,
      dueAfterMs: policy.pendedGraceMs,
    };
  }
  const held = portHeld(look);
  if (held !== null) return held;
  return {
    stance: 'failing',
    cause: 'unloaded',
    because: 'the job is not loaded, though nobody stopped or disabled it and its plist is there',
    step: { kind: 'reload', label },
    opensAfterMs: millis(policy.reloadAfterMs / 2),
    dueAfterMs: policy.reloadAfterMs,
  };
}

function parked(look: Look): Diagnosis {
  const { evidence, rules } = look;
  // Who stands in its way is seen: no need to ask whether it is for the same cause as the last time.
  const held = portHeld(look);
  if (held !== null) return held;
  if (isParkedAgain(look)) {
    return {
      stance: 'untouchable',
      cause: 'parked-again',
      because:
        'OpenClaw parked itself again after our start: its cause is still there; "openclaw gateway status --deep" says more',
      dueAfterMs: rules.policy.pendedGraceMs,
    };
  }
  const cause = evidence.parkCause;
  if (cause.kind === 'gone') {
    return {
      stance: 'failing',
      cause: 'parked',
      because: 'OpenClaw parked itself (disabled and unloaded its own job), and what made it do so is gone',
      step: { kind: 'unpark', label: rules.label },
      opensAfterMs: millis(0),
      dueAfterMs: rules.policy.pendedGraceMs,
    };
  }
  const why =
    cause.kind === 'present' || cause.kind === 'unknown'
      ? cause.because
      : 'its cause has not been looked at yet';
  return {
    stance: 'untouchable',
    cause: 'parked-cause-present',
    because: `OpenClaw parked itself (disabled and unloaded its own job): ${why}`,
    dueAfterMs: rules.policy.pendedGraceMs,
  };
}

function isParkedAgain({ state, now, rules }: Look): boolean {
  const lastUnpark = state.unparks[state.unparks.length - 1];
  if (lastUnpark === undefined || now - lastUnpark >= rules.policy.reloadWindowMs) return false;
  // What it parked over was ended after that: this is another park, and has one start of its own.
  if (state.orphanEnded !== null && state.orphanEnded.at >= lastUnpark) return false;
  // Only if it was started in between: an unpark of ours that failed is no second park.
  return state.bootsSinceUnpark > 0;
}
