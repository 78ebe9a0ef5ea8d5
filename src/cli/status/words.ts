import { actionsOf } from '../../core/incident.ts';
import type { LastExit } from '../../core/service.ts';
import { shellWord } from '../../core/shell-word.ts';
import type { Incident } from '../../core/state.ts';
import { type Instant, since } from '../../core/time.ts';
import { spell, spellUntil } from '../../core/words.ts';
import { kickstartCommand } from '../daemon-process.ts';
import { noSessionWords } from '../session-words.ts';
import { doubtsItself, gatewayOf, type StatusFacts, watchdogOf } from './view.ts';

/** `2026-11-22 08:01:02`, in the reader's own time zone. */
export function clockTime(at: Instant): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

const ago = (at: Instant, now: Instant): string => `${spell(since(at, now))} ago`;

export function jobWords(state: StatusFacts['gatewayJob']['state']): string {
  switch (state.kind) {
    case 'running':
      return `running, process ${state.pid}`;
    case 'scheduled':
      return `about to be started by launchd${exitWords(state.lastExit)}`;
    case 'stopping':
      return state.pid === null ? 'stopping' : `stopping, process ${state.pid}`;
    case 'pended':
      return `held back by launchd (${state.reason}); only a kickstart starts it`;
    case 'stopped':
      return `loaded, without a process${exitWords(state.lastExit)}`;
    case 'not-loaded':
      return 'not loaded';
    case 'no-domain':
      return 'no GUI session';
    case 'unknown':
      return `unknown: ${state.because}`;
    case 'unread':
      return `not asked: ${state.because}`;
    default:
      return state satisfies never;
  }
}

function exitWords(exit: LastExit | null): string {
  if (exit === null || exit.kind === 'never') return '';
  switch (exit.kind) {
    case 'code':
      return `, last exit code ${exit.code}`;
    case 'signal':
      return `, last ended by ${exit.name}`;
    case 'other':
      return `, last exit ${exit.text}`;
    default:
      return exit satisfies never;
  }
}

export function watchdogWords(facts: StatusFacts): string {
  const view = watchdogOf(facts);
  switch (view.kind) {
    case 'never':
      return facts.settings.kind === 'missing' ? 'not installed' : 'not running: it has never run here';
    case 'unreadable':
      return `unknown: ${view.because}`;
    case 'alive':
    case 'stale':
    case 'dead':
      break;
    default:
      return view satisfies never;
  }
  if (facts.file.kind !== 'read') return view.kind;
  const { pid, at, startedAt, mode, state } = facts.file.status;
  if (view.kind === 'dead') return `not running; its last heartbeat was ${ago(at, facts.now)}`;
  const alive = view.kind === 'stale' ? 'stuck: its process lives, its loop does not turn; running' : 'alive';
  const does = doubtsItself(facts)
    ? 'deciding nothing because it doubts itself'
    : mode === 'observe'
      ? 'observing only'
      : 'acting';
  const pause = state.pause === null ? '' : `, ${pauseWords(state.pause.until, facts.now)}`;
  return `${alive} since ${clockTime(startedAt)}, process ${pid}, heartbeat ${ago(at, facts.now)}, ${does}${pause}`;
}

function pauseWords(until: Instant | null, now: Instant): string {
  if (until === null) return 'paused until "immune resume"';
  return `paused until ${clockTime(until)} (${spellUntil(until, now)})`;
}

export function incidentWords(incident: Incident, now: Instant): readonly string[] {
  const tried = actionsOf(incident);
  const actions = `${tried} action${tried === 1 ? '' : 's'}`;
  const known = (incident.acknowledgedAt ?? null) === null ? '' : ', acknowledged';
  const state =
    incident.closedAt !== null
      ? `ended ${ago(incident.closedAt, now)}`
      : incident.exhaustedAt !== null
        ? `open since ${clockTime(incident.openedAt)}, ${actions}, needs you${known}`
        : `open since ${clockTime(incident.openedAt)}, ${actions}${known}`;
  return [
    `${incident.id} (${incident.cause}) ${state}`,
    `because: ${incident.because}`,
    ...(incident.outcome === null ? [] : [`outcome: ${incident.outcome}`]),
  ];
}

/** How much of a window's budget is used, by the watchdog's own count. */
export function budgetUse(facts: StatusFacts): {
  readonly burst: number;
  readonly sustained: number;
} {
  const spent = facts.file.kind === 'read' ? facts.file.status.state.spent : [];
  const within = (length: number): number => spent.filter(({ at }) => facts.now - at < length).length;
  return {
    burst: within(facts.policy.burst.windowMs),
    sustained: within(facts.policy.sustained.windowMs),
  };
}

export function dueWords(at: Instant | null, now: Instant): string | null {
  if (at === null) return null;
  return at <= now ? 'due now' : `in ${spellUntil(at, now)}`;
}

/** The next thing to type or do, if anything: whole sentences, most important first. */
export function adviceOf(facts: StatusFacts): readonly string[] {
  const advice: string[] = [];
  const { watchdogJob, gatewayJob, uid, settings } = facts;
  const watchdog = watchdogOf(facts);
  const noSession = watchdogJob.state.kind === 'no-domain' || gatewayJob.state.kind === 'no-domain';
  if (noSession || gatewayOf(facts).verdict === 'no-gui-session') {
    advice.push(`${capital(noSessionWords)}.`);
  }
  if (watchdog.kind === 'alive' && doubtsItself(facts)) {
    advice.push('Read why it doubts itself (ALERT.md, "immune logs"), then let it go on: immune resume');
  }
  const back = backWords(facts);
  if (back !== null && watchdog.kind !== 'alive') advice.push(back);
  if (watchdog.kind === 'stale')
    advice.push(`Restart the watchdog: ${kickstartCommand(uid, { kill: true })}`);
  if (watchdog.kind === 'dead' || watchdog.kind === 'never') {
    const hasLaunchd = watchdogJob.state.kind !== 'unread';
    if (settings.kind === 'missing' && hasLaunchd) advice.push('Install it: ./install.sh');
    else if (!hasLaunchd) advice.push('Start the watchdog: immune daemon --foreground');
    else if (watchdogJob.state.kind === 'not-loaded') {
      advice.push(`Load the watchdog: launchctl bootstrap gui/${uid} ${shellWord(facts.watchdogPlist)}`);
      advice.push(`Then start it: ${kickstartCommand(uid, { kill: false })}`);
    } else if (!noSession) advice.push(`Start the watchdog: ${kickstartCommand(uid, { kill: false })}`);
  }
  return advice;
}

/** How to bring the gateway back from here; null where nothing would, or nothing is needed. */
function backWords(facts: StatusFacts): string | null {
  const { verdict } = gatewayOf(facts);
  switch (verdict) {
    case 'stopped-by-you':
      return 'Start the gateway again: immune restart';
    case 'foreign':
      if (facts.found?.cause === 'port-orphan') return nuclearWords;
      return 'See who has the port, and what can be done: immune fix-port';
    case 'starting':
    case 'restarting':
    case 'parked':
    case 'hung':
    case 'down':
    case 'unknown':
      return facts.settings.kind === 'ok' ? nuclearWords : null;
    case 'serving':
    case 'updating':
    case 'not-installed':
    case 'no-gui-session':
    case 'suspended':
      return null;
    default:
      return verdict satisfies never;
  }
}

const nuclearWords = 'Bring the gateway back: immune nuclear (it asks first)';
const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
