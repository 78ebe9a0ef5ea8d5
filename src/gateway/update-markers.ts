import { readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { UpdateEvidence } from '../core/evidence.ts';
import type { Instant } from '../core/time.ts';
import { asidePattern, pendingMarkerOf } from './half-install.ts';
import { isUpdater, type ListProcesses } from './live-processes.ts';
import { readRows } from './sqlite.ts';

export interface UpdateMarkerInput {
  readonly now: Instant;
  readonly stateDir: string;
  /** Null when the package was not found: its markers are then not looked for. */
  readonly packageRoot: string | null;
  readonly sqlitePath: string;
  /** Where OpenClaw keeps its hand-over to a managed updater; shared by all homes of a user. */
  readonly handoffPaths: readonly string[];
  readonly processes: ListProcesses;
  /** Labels loaded in launchd; null when they were asked for and could not be told. */
  readonly labels: readonly string[] | null;
}

/** OpenClaw's own steps take at most half an hour; a record older than this needs a live updater behind it. */
const freshMs = 3_600_000;
/** Clocks of two programs on one machine differ by less. */
const futureMs = 300_000;

type Finding =
  | { readonly kind: 'running' | 'unproven'; readonly marker: string }
  | { readonly kind: 'unknown'; readonly because: string };

/**
 * Looks for an update in progress. One live marker is enough; a marker nobody alive stands behind is stale, for a
 * killed updater leaves its marks behind and must not tie our hands for ever. The environment variable
 * OPENCLAW_UPDATE_IN_PROGRESS of child processes is not read: every process that carries it is found by its command.
 */
export async function readUpdateMarkers(input: UpdateMarkerInput): Promise<UpdateEvidence> {
  const findings = [
    ...labelMarkers(input.labels),
    ...(await runRows(input)),
    ...(await handoffRows(input)),
    ...packageMarkers(input.packageRoot),
    ...stageDirectories(input.stateDir),
  ];
  const running = findings.find((finding) => finding.kind === 'running');
  if (running?.kind === 'running') return { kind: 'running', marker: running.marker };
  const unproven = findings.find((finding) => finding.kind === 'unproven');
  if (unproven?.kind === 'unproven') {
    const updater = (await input.processes()).find(isUpdater);
    if (updater !== undefined) {
      return { kind: 'running', marker: `${unproven.marker}, and process ${updater.pid} is at work` };
    }
  }
  const unknown = findings.find((finding) => finding.kind === 'unknown');
  if (unknown?.kind === 'unknown') return { kind: 'unknown', because: unknown.because };
  return unproven?.kind === 'unproven' ? { kind: 'stale', marker: unproven.marker } : { kind: 'none' };
}

function labelMarkers(labels: readonly string[] | null): readonly Finding[] {
  if (labels === null) return [{ kind: 'unknown', because: 'launchd did not tell which jobs are loaded' }];
  const update = labels.find((label) =>
    /^ai\.openclaw\.(?:[^.]+\.)?(?:update\.|manual-update\.)/.test(label),
  );
  return update === undefined ? [] : [{ kind: 'running', marker: `launchd job ${update}` }];
}

/** A time well in the future is no fresh one: a clock that was set back would tie our hands for as long. */
const byAge = (updatedAt: unknown, now: Instant, marker: string): Finding => ({
  kind:
    typeof updatedAt === 'number' && now - updatedAt < freshMs && updatedAt - now < futureMs
      ? 'running'
      : 'unproven',
  marker,
});

async function runRows({ sqlitePath, now }: UpdateMarkerInput): Promise<readonly Finding[]> {
  const rows = await readRows(sqlitePath, {
    table: 'update_runs',
    sql: "SELECT phase, updated_at_ms FROM update_runs WHERE status = 'running' LIMIT 4",
  });
  if (rows.kind === 'unknown') return [{ kind: 'unknown', because: rows.because }];
  return rows.rows.map((row) => byAge(row['updated_at_ms'], now, `update_runs row in phase ${row['phase']}`));
}

async function handoffRows({
  handoffPaths,
  packageRoot,
  now,
}: UpdateMarkerInput): Promise<readonly Finding[]> {
  if (packageRoot === null) return [];
  const findings: Finding[] = [];
  const roots: readonly unknown[] = [packageRoot, realRoot(packageRoot)];
  for (const path of handoffPaths) {
    const rows = await readRows(path, {
      table: 'managed_update_handoffs',
      sql: 'SELECT install_root, updated_at FROM managed_update_handoffs LIMIT 16',
      shared: true,
    });
    if (rows.kind === 'unknown') findings.push({ kind: 'unknown', because: rows.because });
    else {
      for (const row of rows.rows) {
        // The file is shared: a hand-over of another installation is not ours.
        if (!roots.includes(row['install_root'])) continue;
        findings.push(byAge(row['updated_at'], now, `update hand-over in ${path}`));
      }
    }
  }
  return findings;
}

function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch {
    // In the middle of an update the folder may be gone for a moment: its plain name has to do.
    return root;
  }
}

function packageMarkers(packageRoot: string | null): readonly Finding[] {
  if (packageRoot === null) return [];
  const findings: Finding[] = [];
  const pending = pendingMarkerOf(packageRoot);
  if (statSync(pending, { throwIfNoEntry: false }) !== undefined) {
    findings.push({ kind: 'unproven', marker: pending });
  }
  const aside = names(dirname(packageRoot)).find((name) => asidePattern.test(name));
  if (aside !== undefined) findings.push({ kind: 'unproven', marker: join(dirname(packageRoot), aside) });
  return findings;
}

function stageDirectories(stateDir: string): readonly Finding[] {
  const projects = join(stateDir, 'npm', 'projects');
  const stage = names(projects).find((name) => name.startsWith('.openclaw-install-stage-'));
  return stage === undefined ? [] : [{ kind: 'unproven', marker: join(projects, stage) }];
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    // No such directory, or not ours to read: then no marker of ours is in it.
    return [];
  }
}
