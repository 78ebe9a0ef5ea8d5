import { request } from 'node:http';
import type { Fault } from './faults.ts';
import type { Stage } from './stage.ts';

/** What one fault cost, in milliseconds from its injection; null where that step did not happen. */
export interface Measured {
  readonly fault: Fault;
  readonly verdict: 'as it must' | string;
  readonly detectMs: number | null;
  readonly repairMs: number | null;
  readonly bootMs: number | null;
  readonly totalMs: number | null;
  readonly actions: number;
  readonly because: string;
}

export interface Patience {
  /** Longest a fault may take from injection to serving. */
  readonly healMs: number;
  /** How long a gateway that must stay down is watched. */
  readonly leaveMs: number;
}

const pollMs = 25;

/** Injects one fault and follows what happens, by its own eyes (pid and /healthz) and by the watchdog's journal. */
export async function measure(
  fault: Fault,
  stage: Stage,
  { patience, watch }: { patience: Patience; watch: (line: string) => void },
): Promise<Measured> {
  const from = stage.journal().length;
  const pidBefore = stage.pid();
  const began = Date.now();
  await fault.inject(stage);
  watch(`fault: ${fault.story}`);
  const end =
    fault.expect.end === 'heal' ? await followHealing(stage, { pidBefore, began, patience, watch }) : null;
  if (end === null) await followLeaving(stage, { until: began + patience.leaveMs, watch });

  const lines = stage.journal().slice(from);
  const opened = lines.find((line) => line.notices.some((notice) => notice.kind === 'opened'));
  const outcome = lines.find((line) => line.kind === 'outcome');
  const actions = lines.filter((line) => line.kind === 'intent').length;
  const status = await stage.status();
  const resolved = lines.some((line) => line.notices.some((notice) => notice.kind === 'resolved'));
  const verdict = judge(fault, {
    actions,
    healed: end !== null,
    resolved,
    serving: await serves(stage.port),
  });
  return {
    fault,
    verdict,
    detectMs: opened === undefined ? null : opened.at - began,
    repairMs: outcome === undefined || opened === undefined ? null : outcome.at - opened.at,
    bootMs: end === null ? null : end.servingAt - end.spawnedAt,
    totalMs: end === null ? null : end.servingAt - began,
    actions,
    because: resolved ? (status?.state.lastIncident?.outcome ?? '') : (status?.state.because ?? ''),
  };
}

function judge(
  fault: Fault,
  seen: { actions: number; healed: boolean; resolved: boolean; serving: boolean },
): string {
  if (seen.actions !== fault.expect.actions)
    return `${seen.actions} actions instead of ${fault.expect.actions}`;
  if (fault.expect.end === 'leave') return seen.serving ? 'was started against the operator' : 'as it must';
  if (!seen.healed) return 'not serving again in time';
  return seen.resolved ? 'as it must' : 'serving, but the incident was not closed';
}

interface Healing {
  readonly spawnedAt: number;
  readonly servingAt: number;
}

async function followHealing(
  stage: Stage,
  how: { pidBefore: number | null; began: number; patience: Patience; watch: (line: string) => void },
): Promise<Healing | null> {
  const deadline = how.began + how.patience.healMs;
  let spawnedAt: number | null = null;
  let servingAt: number | null = null;
  while (Date.now() < deadline) {
    const pid = stage.pid();
    if (spawnedAt === null && pid !== null && pid !== how.pidBefore) spawnedAt = Date.now();
    if (spawnedAt !== null && servingAt === null && (await serves(stage.port))) servingAt = Date.now();
    const status = await stage.status();
    if (status !== null) how.watch(`${status.state.phase.kind}: ${status.state.because}`);
    const calm = status?.state.incident === null && status.state.phase.kind === 'healthy';
    const known = stage.journal().at(-1)?.state.generation?.pid === pid;
    if (spawnedAt !== null && servingAt !== null && calm && known) return { spawnedAt, servingAt };
    await stage.clock.sleep(pollMs as Parameters<typeof stage.clock.sleep>[0]);
  }
  return null;
}

async function followLeaving(
  stage: Stage,
  how: { until: number; watch: (line: string) => void },
): Promise<void> {
  while (Date.now() < how.until) {
    const status = await stage.status();
    if (status !== null) how.watch(`${status.state.phase.kind}: ${status.state.because}`);
    await stage.clock.sleep(pollMs as Parameters<typeof stage.clock.sleep>[0]);
  }
}

/** Our own question, independent of the watchdog's probes. */
export function serves(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = request(
      { host: '127.0.0.1', port, path: '/healthz', timeout: 500, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    ask.on('timeout', () => ask.destroy());
    ask.on('error', () => resolve(false));
    ask.end();
  });
}
