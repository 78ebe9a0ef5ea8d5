import { actionsOf } from '../../core/incident.ts';
import type { Incident } from '../../core/state.ts';
import type { Instant } from '../../core/time.ts';
import { alertProblems, alertsOf } from './alerts.ts';
import { archiveProblems, archivesOf } from './archives.ts';
import { notesOf } from './render.ts';
import { snapshotProblems, snapshotsOf, trialOf } from './snapshots.ts';
import { gatewayOf, type StatusFacts, statusExitCode, watchdogOf } from './view.ts';
import { adviceOf, budgetUse } from './words.ts';

const iso = (at: Instant | null | undefined): string | null =>
  at === null || at === undefined ? null : new Date(at).toISOString();

/** `immune status --json`: every key is always there, null where nothing is known. Times are ISO 8601, lengths ms. */
export function statusJson(facts: StatusFacts): Readonly<Record<string, unknown>> {
  const status = facts.file.kind === 'read' ? facts.file.status : null;
  const gateway = gatewayOf(facts);
  const used = budgetUse(facts);
  const snapshots = snapshotsOf(facts);
  const archives = archivesOf(facts);
  const trial = trialOf(facts);
  const { burst, sustained } = facts.policy;
  return {
    version: 1,
    at: iso(facts.now),
    exitCode: statusExitCode(facts),
    gateway: {
      verdict: gateway.verdict,
      summary: gateway.summary,
      because: gateway.because,
      since: iso(gateway.since),
      pid: gateway.pid,
      openclaw: status?.gateway.version ?? null,
      url: facts.url,
      auth: status?.gateway.auth ?? null,
      healthz: facts.healthz.kind,
      cause: facts.found?.cause ?? status?.state.cause ?? null,
      also: facts.found?.also ?? status?.state.also ?? [],
      wanted: status?.state.wanted ?? null,
      notes: notesOf(facts),
    },
    launchd: {
      gateway: { label: facts.gatewayJob.label, ...facts.gatewayJob.state },
      watchdog: { label: facts.watchdogJob.label, ...facts.watchdogJob.state },
    },
    watchdog: {
      state: watchdogOf(facts).kind,
      pid: status?.pid ?? null,
      startedAt: iso(status?.startedAt),
      heartbeatAt: iso(status?.at),
      heartbeatAgeMs: status === null ? null : Math.max(0, facts.now - status.at),
      mode: status?.mode ?? null,
      phase: status?.state.phase.kind ?? null,
      paused: status === null ? null : status.state.pause !== null,
      pausedUntil: iso(status?.state.pause?.until),
      settingsProblem:
        status?.settingsProblem ?? (facts.settings.kind === 'problem' ? facts.settings.text : null),
      shortened: status?.shortened ?? [],
    },
    incident: incidentJson(status?.state.incident ?? null),
    lastIncident: incidentJson(status?.state.lastIncident ?? null),
    budget: {
      burst: { used: used.burst, ...burst },
      sustained: { used: used.sustained, ...sustained },
    },
    snapshots: {
      newest: iso(snapshots?.newestAt),
      verified: iso(snapshots?.verifiedAt),
      bytes: snapshots?.bytes ?? null,
      problems: snapshotProblems(facts),
    },
    archives: {
      newest: iso(archives?.newestAt),
      openclaw: archives?.version ?? null,
      problems: archiveProblems(facts),
    },
    alerts: {
      channels: alertsOf(facts)?.channels ?? null,
      waiting: alertsOf(facts)?.waiting ?? null,
      since: iso(alertsOf(facts)?.since),
      givenUp: alertsOf(facts)?.givenUp ?? null,
      problems: alertProblems(facts),
    },
    safeStart: facts.safeStart.kind,
    trial:
      trial === null
        ? null
        : {
            id: trial.id,
            kind: trial.kind,
            until: iso(trial.until),
            mustConfirm: trial.mustConfirm,
            undoing: trial.undoing ?? null,
          },
    next: {
      deepProbe: iso(status?.nextDeepProbeAt),
      snapshot: iso(status?.nextSnapshotAt),
      archive: iso(status?.nextArchiveAt),
    },
    lastDeepProbe: iso(status?.lastDeepProbeAt),
    do: adviceOf(facts),
  };
}

function incidentJson(incident: Incident | null): unknown {
  if (incident === null) return null;
  return {
    id: incident.id,
    cause: incident.cause,
    because: incident.because,
    openedAt: iso(incident.openedAt),
    exhaustedAt: iso(incident.exhaustedAt),
    servingAt: iso(incident.servingAt),
    closedAt: iso(incident.closedAt),
    outcome: incident.outcome,
    actions: actionsOf(incident),
  };
}
