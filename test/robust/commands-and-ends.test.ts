import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { bundle } from './bundle.ts';
import { type Daemon, type Ground, healthy, intents, onGround, shortened, until } from './ground.ts';

const built = bundle();
afterAll(() => built.remove());

const on = (work: (ground: Ground) => Promise<void>) => (): Promise<void> => onGround(built.path, work);

const freeze = async (ground: Ground, daemon: Daemon): Promise<number> => {
  const pid = (await healthy(ground, daemon)).state.generation?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  return pid;
};
const inFlight = (ground: Ground) =>
  until(ground, 'an action in flight', () => {
    const phase = ground.journal().at(-1)?.state.phase;
    return phase?.kind === 'repairing' ? phase.action : null;
  });
const resolved = (ground: Ground, daemon: Daemon) =>
  until(ground, 'resolved', () => {
    const status = ground.status();
    const state = status?.pid === daemon.pid ? status.state : null;
    return state?.phase.kind === 'healthy' && state.incident === null && state.lastIncident !== null;
  });

/** How long the watchdog's own end takes: until its last log line, for an embedded gateway may take longer to end. */
async function endsWithinMs(ground: Ground, daemon: Daemon): Promise<number> {
  const before = ground.log().split('The watchdog has stopped').length;
  const began = performance.now();
  daemon.child.kill('SIGTERM');
  await until(ground, 'stopped', () => ground.log().split('The watchdog has stopped').length > before);
  const took = performance.now() - began;
  expect((await daemon.ended).code).toBe(0);
  return took;
}

describe.concurrent('the commands folder', { timeout: 60_000 }, () => {
  it(
    'full of junk costs nothing, and a command still comes through',
    on(async (ground) => {
      const folder = ground.paths.commands;
      mkdirSync(folder, { recursive: true });
      for (let n = 0; n < 40; n += 1) mkdirSync(join(folder, `a${n}.json`));
      writeFileSync(join(folder, 'big.json'), Buffer.alloc(30_000_000, '{'));
      writeFileSync(join(folder, 'deep.json'), '['.repeat(60_000));
      writeFileSync(join(folder, 'proto.json'), '{"__proto__":{"kind":"resume"},"kind":"constructor"}');
      writeFileSync(join(folder, 'no name.json'), '{"kind":"resume"}');
      writeFileSync(join(folder, 'binary'), Buffer.from([0, 255, 254]));
      const outside = mkdtempSync(join(tmpdir(), 'immune-outside-'));
      writeFileSync(join(outside, 'precious'), '{"kind":"pause","forMs":null}');
      symlinkSync(join(outside, 'precious'), join(folder, 'link.json'));
      const daemon = ground.daemon();
      await healthy(ground, daemon);
      expect(await ground.immune('pause', '5m')).toMatchObject({ code: 0, err: '' });
      expect(await ground.immune('resume')).toMatchObject({ code: 0, err: '' });
      await until(ground, 'an answer to each file', () =>
        ['big', 'deep', 'proto'].every((id) => readdirSync(folder).includes(`${id}.answer`)),
      );
      expect(readdirSync(folder).filter((name) => name.startsWith('a'))).toHaveLength(40);
      expect(statSync(join(outside, 'precious')).size).toBeGreaterThan(0);
      rmSync(outside, { recursive: true });
      // Nothing goes round in circles: the folder is left as it is.
      const before = statSync(folder).mtimeMs;
      await pause(2_500);
      expect(statSync(folder).mtimeMs).toBe(before);
      expect(ground.status()?.state.pause).toBeNull();
      expect((await daemon.stop()).code).toBe(0);
    }),
  );

  it(
    'is served while an action is in flight: check, pause and resume',
    on(async (ground) => {
      const daemon = ground.daemon();
      await freeze(ground, daemon);
      const action = await inFlight(ground);
      const [paused, check] = await Promise.all([ground.immune('pause', '5m'), ground.immune('check')]);
      expect(paused).toMatchObject({ code: 0, err: '' });
      expect(check.out).toContain('looked at by the watchdog');
      expect(ground.status()?.state.pause).not.toBeNull();
      expect(await ground.immune('resume')).toMatchObject({ code: 0, err: '' });
      await resolved(ground, daemon);
      expect(intents(ground)).toHaveLength(1);
      expect(ground.journal().filter((line) => line.kind === 'outcome')).toHaveLength(1);
      expect(action.id).toBe('A1');
      expect((await daemon.stop()).code).toBe(0);
    }),
  );
});

describe.concurrent('the watchdog', { timeout: 60_000 }, () => {
  it(
    'is one at a time: a second one names the first and ends with 5, and harms nothing',
    on(async (ground) => {
      const first = ground.daemon();
      await healthy(ground, first);
      const second = await ground.daemon().ended;
      expect([second.code, second.out]).toEqual([5, '']);
      expect(second.err).toContain(`process ${first.pid} (daemon)`);
      await pause(500);
      expect(ground.status()).toMatchObject({ pid: first.pid });
      expect(first.hasEnded()).toBe(false);
    }),
  );

  it(
    'ends within a second of SIGTERM, also while an action is in flight; the next one repeats nothing',
    on(async (ground) => {
      const daemon = ground.daemon();
      await freeze(ground, daemon);
      await inFlight(ground);
      expect(await endsWithinMs(ground, daemon)).toBeLessThan(1_000);
      const next = ground.daemon();
      await healthy(ground, next);
      const ids = intents(ground).map(
        ({ state }) => state.phase.kind === 'repairing' && state.phase.action.id,
      );
      expect(ids).toEqual(['A1']);
      expect(ground.log()).toContain('Action A1 was interrupted');
    }),
  );

  it(
    'ends within a second of SIGTERM, also while it watches a witness',
    on(async (ground) => {
      ground.configure({ policy: { ...shortened, witnessMs: '20s' } });
      const daemon = ground.daemon();
      await freeze(ground, daemon);
      await until(ground, 'a look that took the hang', () => ground.status()?.state.phase.kind !== 'healthy');
      await pause(shortened.healthzTimeoutMs * 2);
      expect(await endsWithinMs(ground, daemon)).toBeLessThan(1_000);
    }),
  );
});
