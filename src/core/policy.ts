import { hours, type Millis, minutes, seconds } from './time.ts';

/**
 * Every duration and count the watchdog decides by, as data: the config may change each, tests shorten them and say so.
 * Reasons stand beside the numbers; sources are the measurements in docs/ and the published limits of OpenClaw.
 */
export interface Policy {
  /** How often a healthy gateway is looked at. With a retry at once after a miss, a hang opens an incident < 25 s. */
  readonly tickMs: Millis;
  /** How often while something is wrong or an action is being watched. */
  readonly urgentTickMs: Millis;
  /** A /healthz answer later than this is a miss: 1000 times the measured 2 ms, below the tick. */
  readonly healthzTimeoutMs: Millis;
  /** Missed looks in a row before an incident opens (a closed socket or a dead pid opens at once). */
  readonly missesToOpen: number;
  /** No repair of a hang before this much silence: a stall under 15 s is never acted on. */
  readonly hangActMs: Millis;
  /** Without a second witness a hang is acted on only after this long. */
  readonly hangActAloneMs: Millis;
  /** Over how long the second witness watches the gateway's processor time. */
  readonly witnessMs: Millis;
  /** A live process that has not listened since its spawn is booting for this long: field boots of 240 s and more. */
  readonly bootGraceMs: Millis;
  /** A generation that listened and then refuses connections is draining or restarting for this long. */
  readonly drainGraceMs: Millis;
  /** launchd relaunches within its throttle (10 s) plus spawn; a scheduled start later than this gets a kickstart. */
  readonly relaunchGraceMs: Millis;
  /** A pended or stopped job is looked at this long before it is kickstarted: launchd may still be in transition. */
  readonly pendedGraceMs: Millis;
  /** An unexplained bootout is reloaded after this long: OpenClaw's own updater and doctor unload for seconds. */
  readonly reloadAfterMs: Millis;
  /** Booted out again within this window after our reload: somebody means it, leave it down and tell. */
  readonly reloadWindowMs: Millis;
  /** Relaunches without one ready moment before a crash loop is told (launchd goes on trying by itself). */
  readonly crashLoopRuns: number;
  /** Somebody else on the port is told only after this long: an old gateway may still be letting go of it. */
  readonly portGraceMs: Millis;
  /** A gateway of ours that launchd did not start and that we ended: one that comes back within this is somebody's. */
  readonly orphanAgainMs: Millis;
  /** Ready for this long after trouble before anyone says "resolved". */
  readonly stableMs: Millis;
  /** Disruptive actions (those that end or start a gateway process) in the short window: OpenClaw silences all
   *  channels at 3 unclean boots in 5 minutes. */
  readonly burst: { readonly limit: number; readonly windowMs: Millis };
  /** Disruptive actions in the long window. */
  readonly sustained: { readonly limit: number; readonly windowMs: Millis };
  /** L1 attempts within one incident before the ladder goes on to L4. */
  readonly restartAttempts: number;
  /** Automatic config rollbacks: more than these and the snapshots are not what is wrong. */
  readonly rollbacks: { readonly limit: number; readonly windowMs: Millis };
  /** Automatic repairs of the openclaw package: a second one that does not last is a case for a person. */
  readonly reinstalls: { readonly limit: number; readonly windowMs: Millis };
  /** The pause after the first disruptive action before another; it doubles with each. */
  readonly backoffMs: Millis;
  readonly backoffMaxMs: Millis;
  /** One disruptive action is forgiven for each such length of healthy time. */
  readonly calmMs: Millis;
  /** Lost so often within the window while it served: a flapping gateway. */
  readonly flap: { readonly limit: number; readonly windowMs: Millis };
  /** A flapping gateway must serve this long before it is called resolved. */
  readonly flapStableMs: Millis;
  /** A config file that was just changed is left to its editor for this long. */
  readonly editGraceMs: Millis;
  /** A bad config under a serving gateway is told after this long: a file is saved in one go, and whoever broke it is
   *  still at the keyboard. */
  readonly latentTellMs: Millis;
  /** What a look notes beside a gateway that serves (a refused readiness, an unknown listener) is told when each look
   *  for so long has it: one that falls into a gateway's last moment says nothing. */
  readonly noteTellMs: Millis;
  /** A package that became incomplete under a serving gateway is left alone for so long: whoever took something away
   *  may be putting something else in its place. */
  readonly latentMendMs: Millis;
  /** OpenClaw's own validator is given up on after this long: 1 to 4 s when measured, up to 11 s on a busy machine. */
  readonly validatorMs: Millis;
  /** A config counts as verified once the gateway has been ready for so long with it: longer than the 45 to 120 s that
   *  operating systems ask of a new version. */
  readonly soakMs: Millis;
  /** How long a change of the config must hold before it is believed: OpenClaw reloads, or restarts itself in about 20 s. */
  readonly trialWatchMs: Millis;
  /** A gateway that still boots with a changed config is given up on, and the change taken back, after this long. */
  readonly trialMaxMs: Millis;
  /** A suspension that lasts longer than this is told. */
  readonly suspendTellMs: Millis;
  /** Below this much free space a start cannot be relied on: SQLite, logs and the config all want to be written. */
  readonly diskFreeBytes: number;
  /** Resident memory beyond this, after it has doubled, is a runaway; OpenClaw uses 0.6 to 0.8 GB. */
  readonly memoryBytes: number;
  /** An action without an outcome after this long is given up on (a kickstart -k may take ExitTimeOut and more). */
  readonly actionDeadlineMs: Millis;
  /** The same for a repair of the package: a whole tree is a gigabyte to write, and npm may have to fetch it. */
  readonly reinstallMs: Millis;
  /** How long the old process may live after `kickstart -k`: OpenClaw's ExitTimeOut of 20 s, and some. */
  readonly exitWaitMs: Millis;
  /** A look this much later than planned means sleep or a starved machine: discard the failure run. */
  readonly gapMs: Millis;
  /** After a gap nothing counts as failure for this long: network and sockets need time. */
  readonly wakeGraceMs: Millis;
  /** When nothing can be told for this long while nothing answers, the operator is told so. */
  readonly unknownTellMs: Millis;
  /** Default length of `immune pause`. */
  readonly pauseMs: Millis;
  /** An outage is told when it lasts longer than this: most are over by themselves, or after one restart, before it. */
  readonly alertGraceMs: Millis;
  /** An open incident that was told is brought to mind this often, until somebody acknowledges it. */
  readonly alertReminderMs: Millis;
  /** While the gateway flaps, one message so often; and so long it must hold before flapping is news again. */
  readonly alertDigestMs: Millis;
  /** More messages than these are told by one: a phone that never stops is one that is switched off. */
  readonly alertsPerHour: { readonly limit: number; readonly windowMs: Millis };
  /** The pause before a message is tried once more; it doubles with each try, and chance spreads it. */
  readonly alertRetryMs: Millis;
  readonly alertRetryMaxMs: Millis;
  /** A message that could not be delivered for so long says nothing any more. */
  readonly alertGiveUpMs: Millis;
  /** How often a dead-man channel hears that the gateway serves: half of what such services wait for by themselves. */
  readonly deadManMs: Millis;
}

export const defaultPolicy: Policy = {
  tickMs: seconds(10),
  urgentTickMs: seconds(2),
  healthzTimeoutMs: seconds(3),
  missesToOpen: 2,
  hangActMs: seconds(20),
  hangActAloneMs: seconds(60),
  witnessMs: seconds(5),
  bootGraceMs: minutes(10),
  drainGraceMs: minutes(2),
  relaunchGraceMs: seconds(60),
  pendedGraceMs: seconds(15),
  reloadAfterMs: seconds(60),
  reloadWindowMs: hours(1),
  crashLoopRuns: 4,
  portGraceMs: seconds(30),
  orphanAgainMs: hours(24 * 7),
  stableMs: seconds(60),
  burst: { limit: 2, windowMs: minutes(5) },
  sustained: { limit: 6, windowMs: hours(6) },
  restartAttempts: 2,
  rollbacks: { limit: 3, windowMs: hours(24) },
  reinstalls: { limit: 2, windowMs: hours(24) },
  backoffMs: seconds(30),
  backoffMaxMs: minutes(10),
  calmMs: minutes(30),
  flap: { limit: 4, windowMs: minutes(30) },
  flapStableMs: minutes(10),
  editGraceMs: seconds(10),
  latentTellMs: seconds(5),
  noteTellMs: seconds(60),
  latentMendMs: seconds(60),
  validatorMs: seconds(60),
  soakMs: seconds(120),
  trialWatchMs: seconds(60),
  trialMaxMs: minutes(10),
  suspendTellMs: hours(1),
  diskFreeBytes: 64 * 1_048_576,
  memoryBytes: 4 * 1_073_741_824,
  actionDeadlineMs: minutes(2),
  reinstallMs: minutes(15),
  exitWaitMs: seconds(30),
  gapMs: seconds(30),
  wakeGraceMs: seconds(30),
  unknownTellMs: minutes(5),
  pauseMs: minutes(30),
  alertGraceMs: seconds(90),
  alertReminderMs: hours(4),
  alertDigestMs: hours(1),
  alertsPerHour: { limit: 20, windowMs: hours(1) },
  alertRetryMs: seconds(5),
  alertRetryMaxMs: minutes(15),
  alertGiveUpMs: hours(72),
  deadManMs: minutes(5),
};
