import { expect } from 'vitest';
import { actionOf, intentsSince, journalSince, type Mark, stateOf } from './acts.ts';
import { type Act, recoveryTimeoutMs } from './config-cases.ts';
import { baseText, textOf } from './config-faults.ts';
import type { PackageFault } from './dependency-faults.ts';
import { type DependencyWorld, expectWhole, gatewayStarts, settled } from './dependency-world.ts';
import { runningPid } from './faults/fault.ts';
import { forgetBoots } from './faults/history.ts';
import { newestVersion } from './places.ts';
import { signal, until } from './processes.ts';
import type { JournalEntry } from './watchdog-home.ts';
import { told } from './watching.ts';

// What a damaged package is followed by. All of it without a network, where the run could cut it off (see network.real.ts).

const maxDisruptive = 2;
/** A start that fails early, and OpenClaw's own helper after it. */
const parkTimeoutMs = 90_000;
const repairKinds: ReadonlySet<string> = new Set(['reinstall', 'rollback']);

/** Each fault as a case. */
export const recoveries = (
  faults: readonly PackageFault[],
): readonly (readonly [string, Act<DependencyWorld>])[] =>
  faults.map((fault) => [
    `${fault.name}: serving again, the package as it was proven`,
    (world) => recovers(world, fault),
  ]);

const stepOf = (intent: JournalEntry): string => actionOf(intent).step.kind;

export const stepsSince = ({ watchdog }: DependencyWorld, mark: Mark): readonly string[] =>
  intentsSince(watchdog, mark).map(stepOf);

const repairsMade = ({ watchdog }: DependencyWorld, mark: Mark): number =>
  journalSince(watchdog, mark).filter((line, at, lines) => {
    const before = lines.slice(0, at).findLast(({ kind }) => kind === 'intent');
    return line.kind === 'outcome' && before !== undefined && repairKinds.has(stepOf(before));
  }).length;

/** When the newest repair was through; null while none is. */
function repairedAt({ watchdog }: DependencyWorld, mark: Mark): number | null {
  const lines = journalSince(watchdog, mark);
  const last = lines.findLastIndex((line) => line.kind === 'intent' && repairKinds.has(stepOf(line)));
  if (last < 0) return null;
  return lines.slice(last).find(({ kind }) => kind === 'outcome')?.at ?? null;
}

/** Until a process other than the broken one, or the very one that was to live on, is healthy and nothing is open. */
export const waitMended = (
  world: DependencyWorld,
  {
    mark,
    not,
    each,
  }: { readonly mark: Mark; readonly not: number | null; readonly each?: () => Promise<unknown> },
) =>
  until(
    'the package to be repaired and the gateway to be healthy',
    async () => {
      await each?.();
      const status = world.watchdog.statusFile();
      const done = repairedAt(world, mark);
      if (status === null || done === null) return null;
      const { at, state } = told(status);
      const { generation, phase } = state;
      if (at <= done || phase.kind !== 'healthy' || state.incident !== null) return null;
      if (generation === null || generation.pid === not) return null;
      return (await world.gateway.pid()) === generation.pid ? { generation, state } : null;
    },
    { timeoutMs: recoveryTimeoutMs },
  );

const parksOf = ({ gateway }: DependencyWorld): number => gateway.audit().split('park done').length;

async function order({ watchdog }: DependencyWorld, what: 'pause' | 'resume'): Promise<void> {
  const answer = await watchdog.immune(what);
  expect(answer.code, `immune ${what}: ${answer.stdout}${answer.stderr}`).toBe(0);
}

async function recovers(world: DependencyWorld, fault: PackageFault): Promise<void> {
  const { gateway, watchdog } = world;
  const mark = await settled(world);
  const pid = await runningPid(gateway);
  const incidents = told(watchdog.statusFile() ?? expect.fail('no status')).state.nextIncident;
  const parks = fault.parks === true && gateway.version === newestVersion;
  const parked = parksOf(world);
  if (parks) await order(world, 'pause');
  const from = Date.now();
  fault.make(gateway);
  signal(pid, 'SIGKILL');
  if (parks) {
    await until('OpenClaw to park itself', () => (parksOf(world) > parked ? true : null), {
      timeoutMs: parkTimeoutMs,
    });
    await order(world, 'resume');
  }
  await until(
    'every repair to be made',
    () => (repairsMade(world, mark) >= fault.repairs.length ? true : null),
    { timeoutMs: recoveryTimeoutMs },
  );
  // The crashes of this fault must not trip the breaker that silences the channels: an incident outlasts that.
  forgetBoots(gateway, await gateway.waitServing(recoveryTimeoutMs, pid));
  const { generation, state } = await waitMended(world, { mark, not: pid });

  const steps = stepsSince(world, mark);
  const starts = gatewayStarts(gateway).filter(({ at }) => at >= from);
  const disruptive = state.spent.filter(({ at }) => at >= from).length;
  const notices = journalSince(watchdog, mark).flatMap((line) => line['notices'] as readonly Told[]);
  tell(world, { from, generation, starts: starts.length, steps, notices });

  const done = repairedAt(world, mark) ?? expect.fail('no repair');
  expect.soft(steps.filter((step) => repairKinds.has(step))).toEqual(fault.repairs);
  const ours = steps.filter((step) => !repairKinds.has(step));
  // One start of ours at most, and only with the package whole: else launchd's own was enough.
  expect.soft(ours.length, steps.join(' > ')).toBeLessThanOrEqual(1);
  expect.soft(steps[0]).toBe('reinstall');
  expect.soft(steps.slice(0, fault.repairs.length)).toEqual(fault.repairs);
  if (parks) expect.soft(ours).toEqual(['unpark']);
  const startsAfter = starts.filter(({ at }) => at >= done).map((start) => start.pid);
  if (startsAfter.length > 0) expect.soft(startsAfter).toEqual([generation.pid]);
  expect.soft(disruptive).toBeLessThanOrEqual(maxDisruptive);
  const [first] = intentsSince(watchdog, mark);
  expect.soft(fault.causes, 'named when it acted').toContain(first && stateOf(first).cause);
  expect.soft(state.nextIncident - incidents, 'incidents').toBe(1);
  expect.soft(notices.filter(({ kind }) => kind === 'resolved').length, 'resolved').toBe(1);
  expect.soft(notices.filter(({ kind }) => kind === 'exhausted')).toEqual([]);
  expect.soft(textOf(gateway.configPath)).toBe(baseText(gateway));
  expectWhole(world);
}

interface Told {
  readonly kind: string;
  readonly text: string;
}

/** The figures of one fault, for the log of the run. */
function tell(
  world: DependencyWorld,
  seen: {
    readonly from: number;
    readonly generation: { readonly pid: number; readonly listenedAt: number | null };
    readonly starts: number;
    readonly steps: readonly string[];
    readonly notices: readonly Told[];
  },
): void {
  const { from, generation, starts, steps, notices } = seen;
  const servedAt = generation.listenedAt ?? Number.NaN;
  const last = gatewayStarts(world.gateway).find(({ pid }) => pid === generation.pid);
  const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`;
  const boot = last === undefined ? 'unknown' : seconds(servedAt - last.at);
  console.log(
    `           serving after ${seconds(servedAt - from)}, of which its last boot ${boot} (undisturbed ${seconds(world.bootMs)}); ${starts} starts; ${steps.join(' > ')}`,
  );
  for (const { kind, text } of notices) console.log(`             ${kind}: ${text.slice(0, 200)}`);
}
