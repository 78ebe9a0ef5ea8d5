import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from './bundle.ts';
import { type Ground, healthy, intents, onGround, openGround, shortened, until } from './ground.ts';

const built = bundle();
afterAll(() => built.remove());

describe('a config.json5 that was never valid', { timeout: 60_000 }, () => {
  let ground: Ground;
  const path = (): string => ground.paths.config;
  beforeAll(async () => {
    ground = await openGround(built.path);
  });
  afterAll(async () => {
    const leaks = ground.leaks();
    await ground.close();
    expect(leaks).toEqual([]);
  });

  it.each<[string, () => void, readonly string[]]>([
    ['is not JSON5', () => ground.configure('{ mode: act }'), ['line 1, column 9']],
    ['is empty', () => ground.configure(''), ['line 1']],
    ['has an unknown key', () => ground.configure({ mod: 'act' }), [', mod: ', 'did you mean "mode"?']],
    [
      'has a wrong type',
      () => ground.configure({ gateway: { label: 7 } }),
      [', gateway.label: ', 'expected a text in quotes', ', gateway.plist: is missing'],
    ],
    [
      'has a limit that could never trip',
      () => ground.configure({ policy: { burst: { windowMs: '1ms' } } }),
      [', policy.burst.windowMs: ', 'too short'],
    ],
    [
      'cannot be read',
      () => {
        rmSync(path());
        mkdirSync(path());
      },
      ['is not a regular file'],
    ],
  ])('that %s: path, key and hint, and exit code 2', async (_name, damage, said) => {
    rmSync(path(), { recursive: true, force: true });
    ground.configure();
    damage();
    const commands = [['daemon', '--foreground'], ['check'], ['job', 'snapshot']];
    const ends = await Promise.all(commands.map((args) => ground.immune(...args)));
    for (const [at, { code, err }] of ends.entries()) {
      expect([commands[at], code]).toEqual([commands[at], 2]);
      for (const words of [path(), 'next: ', ...said]) expect(err).toContain(words);
    }
    const status = await ground.immune('status');
    expect([status.code, status.err]).toEqual([3, '']);
    for (const words of said) expect(status.out).toContain(words);
  });

  it('that is missing is named, with the command that writes one', async () => {
    rmSync(path(), { recursive: true, force: true });
    for (const args of [['check'], ['job', 'snapshot']]) {
      const { code, err } = await ground.immune(...args);
      expect([args, code]).toEqual([args, 2]);
      expect(err).toContain(`${path()}: the file is missing; run ./install.sh to write it`);
    }
  });
});

describe.concurrent('a config.json5 that changes under a running watchdog', { timeout: 60_000 }, () => {
  const on = (work: (ground: Ground) => Promise<void>) => (): Promise<void> => onGround(built.path, work);

  it(
    'keeps the last valid settings in force, says so, and is taken up again when it is mended',
    on(async (ground) => {
      ground.configure({ mode: 'observe' });
      const daemon = ground.daemon();
      await healthy(ground, daemon);
      ground.configure({ mode: 'observe', polcy: {} });
      const told = await until(ground, 'the problem in status', () => ground.status()?.settingsProblem);
      expect(told).toContain(`${ground.paths.config}, polcy: is not a setting; did you mean "policy"?`);
      const status = await ground.immune('status');
      expect(status.out).toContain('did you mean "policy"?');
      expect(ground.log()).toContain('the last valid settings stay in force');
      expect(ground.status()).toMatchObject({ pid: daemon.pid, mode: 'observe' });
      ground.configure({ mode: 'act', policy: { ...shortened, tickMs: 333 } });
      await until(ground, 'the mended settings', () => {
        const now = ground.status();
        return now?.mode === 'act' && now.settingsProblem === null && now.shortened.includes('tickMs=333');
      });
      expect(daemon.hasEnded()).toBe(false);
      expect((await daemon.stop()).code).toBe(0);
    }),
  );

  it(
    'does not stop a restarted watchdog: it runs by the last valid copy and says so on stderr',
    on(async (ground) => {
      ground.configure({ mode: 'observe' });
      const first = ground.daemon();
      await healthy(ground, first);
      ground.configure('{ mode: ');
      await first.stop();
      const second = ground.daemon();
      const status = await healthy(ground, second);
      expect(status).toMatchObject({ mode: 'observe' });
      expect(status.settingsProblem).toContain(ground.paths.config);
      const snapshot = await ground.immune('job', 'snapshot');
      expect(snapshot.err).toContain(`${ground.paths.config}: `);
      expect(snapshot.err).toContain('last valid settings');
      const ended = await second.stop();
      expect(ended.err).toContain('last valid settings');
      expect(intents(ground)).toEqual([]);
      expect(readFileSync(ground.paths.config, 'utf8')).toBe('{ mode: ');
    }),
  );
});
