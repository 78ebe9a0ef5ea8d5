import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { HealthzEvidence } from '../../src/core/evidence.ts';
import { bundle } from './bundle.ts';
import { type Daemon, type Ground, healthy, intents, openGround, shortened, until } from './ground.ts';

const built = bundle();
afterAll(() => built.remove());

/** Several times what an idle watchdog uses, and a fraction of what the faults below try to make it hold. */
const memoryLimitKb = 190_000;

/** A gateway whose /healthz alone hangs may be taken for hung; here that takes longer than the test. */
const policy = { ...shortened, hangActMs: '14s' };

/** A healthy watchdog on a ground of its own; afterwards nothing was restarted, nothing leaked, and it still lives. */
async function guarded(work: (ground: Ground, daemon: Daemon) => Promise<void>): Promise<void> {
  const ground = await openGround(built.path);
  try {
    ground.configure({ policy });
    const daemon = ground.daemon();
    const before = await healthy(ground, daemon);
    await work(ground, daemon);
    const after = await healthy(ground, daemon);
    expect(after.state.generation?.pid).toBe(before.state.generation?.pid);
    expect(intents(ground)).toEqual([]);
    const peak = peakMemoryKb(daemon.pid);
    if (peak !== null) expect(peak).toBeLessThan(memoryLimitKb);
    const ended = await daemon.stop();
    expect([ended.code, ended.err]).toEqual([0, '']);
    expect(ground.leaks()).toEqual([]);
    expect(ground.log()).not.toContain('bug of the watchdog');
  } finally {
    await ground.close();
  }
}

/** The most it ever held; null where the system does not tell. */
function peakMemoryKb(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe.concurrent('a gateway that misbehaves is never restarted for it', { timeout: 90_000 }, () => {
  it('when it sends garbage, a frame that is no JSON, one of 100 MB: told each time, and connected anew', async () => {
    const frames: readonly (readonly [string, RegExp])[] = [
      ['garbage', /ended: \d+ /],
      ['not-json', /not a JSON frame/],
      ['huge', /ended: \d+ .*(payload|size|exceeded)/i],
    ];
    await guarded(async (ground, daemon) => {
      for (const [what, told] of [...frames, ...frames]) {
        const before = (await healthy(ground, daemon)).evidence?.socket;
        ground.once({ do: 'frame', what });
        await until(ground, `another connection after ${what}`, () => {
          const socket = ground.status()?.evidence?.socket;
          return socket?.kind === 'open' && before?.kind === 'open' && socket.since > before.since;
        });
        expect(ground.log()).toMatch(told);
      }
    });
  });

  it.each<[string, HealthzEvidence['kind'], RegExp]>([
    ['wrong', 'foreign', /something other than a gateway's answer/],
    ['endless', 'foreign', /never ended its answer|longer than/],
    ['reset', 'reset', /accepts connections and resets them/],
    ['hang', 'timeout', /gave no answer in time|answers nothing/],
  ])('when /healthz is %s: told as %s, left alone, well again afterwards', async (how, verdict, because) => {
    await guarded(async (ground) => {
      ground.standing({ healthz: how });
      const told = await until(ground, 'the verdict', () => {
        const status = ground.status();
        return status?.evidence?.healthz.kind === verdict && because.test(status.state.because)
          ? status
          : null;
      });
      expect(told.state.cause).not.toBe('serving');
      expect((await ground.immune('status')).code).toBe(3);
      // Several looks long: nothing may pile up.
      await pause(1_500);
      ground.standing({});
    });
  });

  it('when its tokens change and its answers break at once: the secret stays out of everything', async () => {
    await guarded(async (ground) => {
      ground.standing({ healthz: 'wrong', readyFailing: [`subsystem ${ground.secret}`] });
      await until(ground, 'foreign', () => ground.status()?.evidence?.healthz.kind === 'foreign');
      ground.standing({ readyFailing: [`subsystem ${ground.secret}`] });
      await until(ground, 'live', () => ground.status()?.evidence?.healthz.kind === 'live');
      const check = await ground.immune('check');
      expect(check.out).toContain('subsystem');
      await pause(1_000);
    });
  });
});
