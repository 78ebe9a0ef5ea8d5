import { since } from '../../core/time.ts';
import { spell } from '../../core/words.ts';
import { hookTrouble } from '../../gateway/safe-start-hook.ts';
import { plainStyle, type Style } from '../style.ts';
import { alertProblems, alertsOf } from './alerts.ts';
import { archiveLines, archiveProblems } from './archives.ts';
import { snapshotLines, snapshotProblems, trialLines, trialOf } from './snapshots.ts';
import { gatewayOf, type StatusFacts, statusExitCode, watchdogOf } from './view.ts';
import { adviceOf, budgetUse, clockTime, dueWords, incidentWords, jobWords, watchdogWords } from './words.ts';

type Row = readonly [label: string, lines: readonly string[]];

/** What `immune status` prints: a column of names, a column of facts, and at the end what to do. */
export function renderStatus(facts: StatusFacts, style: Style = plainStyle): string {
  const rows: readonly Row[] = [
    ['gateway', gatewayLines(facts, style)],
    ['launchd', launchdLines(facts)],
    ['watchdog', [paintWatchdog(facts, style)]],
    ['note', notesOf(facts)],
    ['incident', incidentLines(facts)],
    ['budget', budgetLines(facts)],
    ['snapshots', [...snapshotLines(facts), ...snapshotProblems(facts).map(style.bad)]],
    ['archives', [...archiveLines(facts), ...archiveProblems(facts).map(style.bad)]],
    [
      'safe start',
      safeStartLines(facts).map((line) => (facts.safeStart.kind === 'dropped' ? style.bad(line) : line)),
    ],
    ['alerts', alertProblems(facts).map(style.bad)],
    ['trial', trialLines(facts)],
    ['next', nextLines(facts)],
    ['shortened', shortenedLines(facts)],
    ['settings', settingsLines(facts).map(style.bad)],
    ['do', adviceOf(facts)],
  ];
  return `${rows.flatMap(([label, lines]) => renderRow(label, lines, style)).join('\n')}\n`;
}

/** The width of the longest label, and two spaces. */
const labelWidth = 11;

function renderRow(label: string, lines: readonly string[], style: Style): readonly string[] {
  return lines.map((line, index) =>
    index === 0 ? `${style.faint(label.padEnd(labelWidth))}${line}` : `${' '.repeat(labelWidth)}${line}`,
  );
}

function gatewayLines(facts: StatusFacts, style: Style): readonly string[] {
  const view = gatewayOf(facts);
  const paint = view.verdict === 'serving' && watchdogOf(facts).kind === 'alive' ? style.good : style.bad;
  const when =
    view.since === null ? '' : ` since ${clockTime(view.since)} (${spell(since(view.since, facts.now))})`;
  const version = facts.file.kind === 'read' ? facts.file.status.gateway.version : null;
  const identity = [
    ...(version === null ? [] : [`OpenClaw ${version}`]),
    ...(view.pid === null ? [] : [`process ${view.pid}`]),
    ...(facts.url === null ? [] : [facts.url]),
  ];
  return [
    `${paint(view.summary)}${when}`,
    ...(identity.length === 0 ? [] : [identity.join(', ')]),
    `because: ${view.because}`,
  ];
}

function launchdLines({ gatewayJob, watchdogJob }: StatusFacts): readonly string[] {
  // Where launchd is not asked at all, one reason is enough.
  if (watchdogJob.state.kind === 'unread') return [jobWords(watchdogJob.state)];
  return [gatewayJob, watchdogJob].map(({ label, state }) => `${label ?? 'the gateway'}: ${jobWords(state)}`);
}

function paintWatchdog(facts: StatusFacts, style: Style): string {
  const words = watchdogWords(facts);
  return watchdogOf(facts).kind === 'alive' ? words : style.bad(words);
}

/** What is worth knowing and is no outage: an auth mismatch, a 503 readiness, a gateway we can only half see. */
export function notesOf(facts: StatusFacts): readonly string[] {
  const { file } = facts;
  if (file.kind !== 'read') return [];
  const notes = [...file.status.state.notes, ...file.status.gateway.problems];
  // Nobody has looked since: it may have been mended, or not.
  return watchdogOf(facts).kind === 'alive' ? notes : notes.map((note) => `last known: ${note}`);
}

function incidentLines({ file, now }: StatusFacts): readonly string[] {
  if (file.kind !== 'read') return [];
  const incident = file.status.state.incident ?? file.status.state.lastIncident;
  return incident === null ? ['none so far'] : incidentWords(incident, now);
}

function safeStartLines({ safeStart }: StatusFacts): readonly string[] {
  const trouble = hookTrouble(safeStart);
  if (trouble !== null) return [trouble];
  return safeStart.kind === 'installed' ? ['the package is looked at before every start of the gateway'] : [];
}

function budgetLines(facts: StatusFacts): readonly string[] {
  if (facts.file.kind !== 'read') return [];
  const { burst, sustained } = facts.policy;
  const used = budgetUse(facts);
  return [
    `${used.burst} of ${burst.limit} actions used in ${spell(burst.windowMs)}, ${used.sustained} of ${sustained.limit} in ${spell(sustained.windowMs)}`,
  ];
}

function nextLines(facts: StatusFacts): readonly string[] {
  const { file, now } = facts;
  if (file.kind !== 'read' || watchdogOf(facts).kind !== 'alive') return [];
  const { nextDeepProbeAt, nextSnapshotAt, nextArchiveAt } = file.status;
  const due = [
    ['deep probe', dueWords(nextDeepProbeAt, now)],
    ['snapshot', dueWords(nextSnapshotAt, now)],
    ['archive', dueWords(nextArchiveAt, now)],
  ].flatMap(([what, when]) => (when === null ? [] : [`${what} ${when}`]));
  return due.length === 0 ? [] : [due.join(', ')];
}

function shortenedLines({ file }: StatusFacts): readonly string[] {
  if (file.kind !== 'read' || file.status.shortened.length === 0) return [];
  return [`not the defaults: ${file.status.shortened.join(', ')}`];
}

function settingsLines({ settings, file }: StatusFacts): readonly string[] {
  const refused = file.kind === 'read' ? file.status.settingsProblem : null;
  if (refused !== null) return [`the watchdog keeps its last valid settings: ${refused}`];
  return settings.kind === 'problem' ? [settings.text] : [];
}

/** What makes two looks worth two lines when nobody looks at a screen: no ages, no countdowns. */
export function statusKey(facts: StatusFacts): string {
  const state = facts.file.kind === 'read' ? facts.file.status.state : null;
  return JSON.stringify([
    gatewayOf(facts).verdict,
    gatewayOf(facts).pid,
    watchdogOf(facts).kind,
    state?.phase.kind,
    state?.incident?.id,
    state?.lastIncident?.id,
    state?.pause,
    notesOf(facts),
    snapshotProblems(facts),
    archiveProblems(facts),
    alertsOf(facts)?.problem ?? null,
    trialOf(facts),
    settingsLines(facts),
  ]);
}

/** The same look in one line, for `--watch` into a pipe. */
export function renderStatusLine(facts: StatusFacts): string {
  const view = gatewayOf(facts);
  const notes = notesOf(facts).map((note) => ` [${note}]`);
  const mark = statusExitCode(facts) === 0 ? 'ok ' : 'BAD';
  return `${clockTime(facts.now)} ${mark} gateway ${view.summary}: ${view.because}; watchdog ${watchdogOf(facts).kind}${notes.join('')}\n`;
}
