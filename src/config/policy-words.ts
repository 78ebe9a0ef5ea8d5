import type { Policy } from '../core/policy.ts';

/** One sentence for each policy key, for the config file. A new key of the policy does not compile without one. */
export const policyWords: Readonly<Record<keyof Policy, string>> = {
  tickMs: 'How often a healthy gateway is looked at.',
  urgentTickMs: 'How often while something is wrong or an action is being watched.',
  healthzTimeoutMs: 'An answer to GET /healthz later than this is a miss.',
  missesToOpen: 'Missed looks in a row before an incident opens.',
  hangActMs: 'No repair of a hang before this much silence.',
  hangActAloneMs: 'Without a second witness a hang is acted on only after this long.',
  witnessMs: "Over how long the second witness watches the gateway's processor time.",
  bootGraceMs: 'A live process that has not listened yet is booting for this long: nothing is done to it.',
  drainGraceMs:
    'A gateway that listened and then refuses connections is draining or restarting for this long.',
  relaunchGraceMs: 'launchd relaunches a dead gateway by itself; after this long it gets a kickstart.',
  pendedGraceMs: 'A pended or stopped job is looked at this long before it is kickstarted.',
  reloadAfterMs: 'A job that was unloaded without a reason is loaded again after this long.',
  reloadWindowMs: 'Unloaded again within this time, it is left down: somebody means it.',
  crashLoopRuns: 'Relaunches without one ready moment before a crash loop is told.',
  portGraceMs: 'A port held by somebody else is watched this long before it is told.',
  stableMs: 'Ready for this long after trouble before it is called resolved.',
  burst: 'At most this many actions that end or start the gateway in the short window.',
  sustained: 'At most this many in the long window.',
  restartAttempts: 'Restarts within one incident before the operator is told that they do not help.',
  actionDeadlineMs: 'An action without an outcome after this long is given up on.',
  exitWaitMs: 'How long the old process may live after a restart was asked for before it is killed.',
  gapMs: 'A look this much later than planned means the machine slept.',
  wakeGraceMs: 'After a sleep nothing counts as failure for this long.',
  unknownTellMs: 'When nothing can be told for this long, the operator hears so.',
  pauseMs: 'How long `immune pause` lasts when no length is given.',
};
