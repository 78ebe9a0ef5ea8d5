import type { Evidence } from '../../src/core/evidence.ts';
import type { ActionOutcome, ActionStep } from '../../src/core/state.ts';
import { type Instant, instant } from '../../src/core/time.ts';
import * as world from './world.ts';

/** What may happen to a gateway, to launchd, or to the machine; lengths in seconds. */
export type Fault =
  | { readonly kind: 'crash' | 'unload' | 'pend' | 'stop' | 'disable' | 'operator-starts' }
  | { readonly kind: 'hang' | 'foreign-port' | 'update' | 'blind' | 'no-domain'; readonly forS: number }
  | { readonly kind: 'slow-boot' | 'crash-loop' | 'hands-fail'; readonly forS: number }
  | { readonly kind: 'park'; readonly cause: 'gone' | 'present' | 'lies' }
  | { readonly kind: 'clock-step'; readonly forS: number };

interface Process extends world.Life {
  readonly spawnedAt: number;
  readyAt: number;
  hungFrom: number;
  hungUntil: number;
}

const relaunchMs = 10_000;
const bootMs = 8_000;

/** A gateway under launchd, reduced to what a look can see and an action can change. Time is steady milliseconds. */
export function simulateGateway() {
  let now: number = world.dawn;
  let clockOffset = 0;
  let pids = 100;
  let process: Process | null = null;
  let loaded = true;
  let disabled = false;
  let pendedJob = false;
  let scheduledAt: number | null = null;
  let audit: { kind: 'stop' | 'park'; at: Instant } | null = null;
  let parkCause: 'gone' | 'present' | 'lies' = 'gone';
  const until = { foreign: 0, update: 0, blind: 0, domain: 0, slow: 0, loop: 0, hands: 0 };
  let witness: world.Witness = 'idle';

  const wall = (): Instant => instant(now + clockOffset);
  const life = (): Process | null => (loaded ? process : null);
  const spawn = (): void => {
    pids += 1;
    const slow = now < until.slow ? until.slow - now : bootMs;
    process = {
      pid: pids,
      startedAt: wall(),
      spawnedAt: now,
      readyAt: now + slow,
      hungFrom: Number.POSITIVE_INFINITY,
      hungUntil: 0,
    };
    scheduledAt = null;
    pendedJob = false;
  };
  const die = (): void => {
    process = null;
    scheduledAt = loaded && !pendedJob ? now + relaunchMs : null;
  };
  const unload = (): void => {
    loaded = false;
    process = null;
    scheduledAt = null;
  };
  const park = (): void => {
    unload();
    disabled = true;
    audit = { kind: 'park', at: wall() };
  };

  const settle = (): void => {
    if (loaded && scheduledAt !== null && now >= scheduledAt) spawn();
    if (process === null) return;
    const age = now - process.spawnedAt;
    if (age >= 2_000 && now < process.readyAt && parkCause !== 'gone' && audit?.kind === 'park') park();
    else if (now < until.loop && age >= 2_000) die();
    else if (now < until.foreign && process.readyAt <= now) process.readyAt = until.foreign + 1_000;
  };

  const hung = (): boolean => process !== null && now >= process.hungFrom && now < process.hungUntil;
  const serves = (): boolean => {
    const alive = life();
    return alive !== null && now >= alive.readyAt && now >= until.foreign && !hung();
  };

  const sight = (): world.Sight => {
    if (now < until.blind) return serves() ? servingThough(world.blind) : world.blind;
    if (now < until.domain) return serves() ? servingThough(world.noDomain) : world.noDomain;
    const alive = life();
    if (!loaded) {
      if (audit?.kind === 'park') return world.parked(audit.at, parkCause === 'present' ? 'present' : 'gone');
      const seen = audit === null ? world.unloaded : world.stoppedByOperator(audit.at);
      return disabled ? world.but(seen, { disabled: 'disabled' }) : seen;
    }
    if (alive === null) return pendedJob ? world.pended : world.relaunching;
    if (now < until.foreign) return world.foreignPort(alive);
    if (now < alive.readyAt) return world.booting(alive);
    return hung() ? world.frozen(witness, alive) : world.serving(alive);
  };
  const servingThough = (seen: world.Sight): world.Sight => {
    const alive = life();
    return alive === null
      ? seen
      : world.but(seen, (at) => {
          const { healthz, socket } = world.serving(alive)(at);
          return { healthz, socket };
        });
  };

  return {
    now: (): Instant => instant(now),
    serves,
    /** Things that forbid an action, as the world (not the watchdog) knows them. */
    forbidden: (): string | null => {
      if (serves()) return 'serving';
      if (now < until.update) return 'update';
      if (!loaded && audit?.kind === 'stop') return 'stopped by the operator';
      if (!loaded && disabled && audit?.kind !== 'park') return 'disabled by the operator';
      if (now < until.blind || now < until.domain) return 'unknown';
      const alive = life();
      if (alive === null) return null;
      if (now < alive.readyAt && now - alive.spawnedAt < 600_000) return 'booting';
      if (hung() && now - alive.hungFrom < 15_000) return 'short stall';
      return now < until.foreign ? 'foreign port' : null;
    },
    advance: (ms: number): void => {
      for (let left = ms; left > 0; left -= 1_000) {
        now += Math.min(1_000, left);
        settle();
      }
    },
    /** Nothing makes progress while the machine sleeps, except every clock. */
    sleep: (ms: number): void => {
      now += ms;
      for (const key of Object.keys(until) as (keyof typeof until)[]) until[key] += ms;
      if (scheduledAt !== null) scheduledAt += ms;
      if (process === null) return;
      const { spawnedAt, hungFrom, hungUntil, readyAt } = process;
      const moved = { readyAt: readyAt + ms, hungFrom: hungFrom + ms, hungUntil: hungUntil + ms };
      process = { ...process, ...moved, spawnedAt: spawnedAt + ms };
    },
    look: (gapMs: number): Evidence => {
      const seen = { ...world.late(sight(), gapMs)(instant(now)), at: wall() };
      return now < until.update ? { ...seen, update: { kind: 'running', marker: 'handoff' } } : seen;
    },
    perform: (step: ActionStep): ActionOutcome['kind'] => {
      if (now < until.hands) return 'failed';
      switch (step.kind) {
        case 'restart':
          if (life()?.pid !== step.expected.pid) return 'refused';
          spawn();
          return 'done';
        case 'start':
          if (!loaded || process !== null) return 'refused';
          spawn();
          return 'done';
        case 'reload':
          if (loaded || disabled) return loaded ? 'refused' : 'failed';
          break;
        case 'unpark':
          if (loaded) return 'refused';
          break;
        default:
          step satisfies never;
      }
      loaded = true;
      disabled = false;
      spawn();
      return 'done';
    },
    strike: (fault: Fault, by: world.Witness): void => {
      witness = by;
      switch (fault.kind) {
        case 'crash':
          die();
          break;
        case 'unload':
          audit = null;
          unload();
          break;
        case 'pend':
          pendedJob = loaded;
          die();
          break;
        case 'stop':
          unload();
          audit = { kind: 'stop', at: wall() };
          break;
        case 'disable':
          unload();
          disabled = true;
          audit = null;
          break;
        case 'operator-starts':
          loaded = true;
          disabled = false;
          parkCause = 'gone';
          if (process === null) spawn();
          break;
        case 'hang':
          if (process === null || now < process.readyAt) break;
          process.hungFrom = hung() ? process.hungFrom : now;
          process.hungUntil = Math.max(process.hungUntil, now + fault.forS * 1_000);
          break;
        case 'foreign-port':
          until.foreign = now + fault.forS * 1_000;
          die();
          break;
        case 'update':
          until.update = now + fault.forS * 1_000;
          audit = null;
          unload();
          break;
        case 'blind':
          until.blind = now + fault.forS * 1_000;
          break;
        case 'no-domain':
          until.domain = now + fault.forS * 1_000;
          break;
        case 'slow-boot':
          until.slow = now + fault.forS * 1_000;
          die();
          break;
        case 'crash-loop':
          until.loop = now + fault.forS * 1_000;
          die();
          break;
        case 'hands-fail':
          until.hands = now + fault.forS * 1_000;
          break;
        case 'park':
          parkCause = fault.cause;
          park();
          break;
        case 'clock-step':
          clockOffset += fault.forS * 1_000;
          break;
        default:
          fault satisfies never;
      }
    },
    /** A person comes and mends everything. */
    mend: (): void => {
      for (const key of Object.keys(until) as (keyof typeof until)[]) until[key] = 0;
      parkCause = 'gone';
      loaded = true;
      disabled = false;
      spawn();
    },
  };
}
