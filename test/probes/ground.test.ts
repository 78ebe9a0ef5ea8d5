import { describe, expect, it, vi } from 'vitest';
import { type GroundEvidence, groundUnread } from '../../src/core/ground-evidence.ts';
import { instant, millis } from '../../src/core/time.ts';
import { createGround, type GroundAsk, type GroundSights } from '../../src/probes/ground.ts';
import { installCommand } from '../../src/probes/reinstall-words.ts';
import { createRemedies } from '../../src/probes/remedies.ts';
import { systemClock } from '../../src/system/clock.ts';

const sound: GroundEvidence['config'] = {
  kind: 'sound',
  hash: 'a',
  changedAt: instant(1),
  validator: 'valid',
};
const faulty: GroundEvidence['config'] = {
  kind: 'faulty',
  fault: 'broken',
  hash: 'b',
  changedAt: instant(2),
  because: 'line 3 does not parse',
};
const missing: GroundEvidence['dependencies'] = { kind: 'missing', names: ['ws'], because: 'ws is gone' };

/** Sights that are content, and write down what they are asked. */
function sights(more: Partial<GroundSights> = {}): {
  readonly sights: GroundSights;
  readonly asked: string[];
} {
  const asked: string[] = [];
  const note =
    <T>(what: string, answer: T) =>
    async (ask?: unknown): Promise<T> => {
      asked.push(`${what} ${JSON.stringify(ask) ?? ''}`.trim());
      return answer;
    };
  return {
    asked,
    sights: {
      config: note('config', sound),
      dependencies: note('dependencies', {
        dependencies: { kind: 'intact', version: '2026.9.6' } as const,
        plugins: { kind: 'intact' } as const,
      }),
      log: note('log', {
        log: { kind: 'read', findings: [] } as const,
        boot: { kind: 'none' } as const,
        channels: { kind: 'normal' } as const,
      }),
      passLog: note('passLog', undefined),
      machine: {
        launch: note('launch', { kind: 'sound', node: '/bin/node' } as const),
        lock: note('lock', { kind: 'free' } as const),
        disk: note('disk', { kind: 'read', path: '/', freeBytes: 1e9 } as const),
        descriptors: note('descriptors', { kind: 'read', pid: 7, open: 30, limit: 256 } as const),
      },
      remedies: {
        rollback: note('rollback', { kind: 'ready', id: 'snapshot 1', because: 'verified' } as const),
        reinstall: note('reinstall', { kind: 'ready', id: 'archive 1', because: 'verified' } as const),
      },
      ...more,
    },
  };
}

const looking = (of: GroundSights, { wait = false, clock = systemClock() } = {}) =>
  createGround({ clock, sights: of, wait, validatorTimeoutMs: () => millis(20_000) });
const close: GroundAsk = { depth: 'close', serving: false, servicePid: 7, previous: null };

describe('the ground', () => {
  it('of a serving gateway costs a quick look no more than its config and the end of its log; the rest is carried on', async () => {
    const { sights: all, asked } = sights();
    const previous: GroundEvidence = { ...groundUnread, disk: { kind: 'read', path: '/', freeBytes: 5 } };
    const seen = await looking(all)({ ...close, depth: 'surface', serving: true, previous });
    expect(seen).toEqual({ ...previous, config: sound });
    expect(asked).toEqual(['config {"wait":false}', 'passLog']);
  });

  it('forgets what was worked out for another content of the config', async () => {
    const rollback = { kind: 'ready', id: 'keys-1', because: '' } as const;
    const bad = { kind: 'faulty', fault: 'broken', hash: 'bad', changedAt: null, because: '' } as const;
    const previous: GroundEvidence = { ...groundUnread, config: bad, rollback };
    const again = sights({ config: async () => bad });
    const other = sights({ config: async () => ({ ...bad, hash: 'worse' }) });
    const quick = { ...close, depth: 'surface', serving: true, previous } as const;
    expect((await looking(again.sights)(quick)).rollback).toEqual(rollback);
    expect((await looking(other.sights)(quick)).rollback).toEqual({ kind: 'unread' });
  });

  it('passes over the log at once: a gateway that dies while its health is asked for has said why by then', async () => {
    const { sights: all, asked } = sights();
    let answer: (health: unknown) => void = () => undefined;
    const rpcHealth = new Promise<unknown>((resolve) => {
      answer = resolve;
    });
    const look = looking(all)({ ...close, serving: true, rpcHealth });
    await vi.waitFor(() => expect(asked).toContain('passLog'));
    expect(asked.some((each) => each.startsWith('log '))).toBe(false);
    answer(undefined);
    await look;
    expect(asked.filter((each) => each === 'passLog')).toEqual(['passLog']);
  });

  it('is carried on by a quick look that nobody answered: a close one follows', async () => {
    const { sights: all, asked } = sights();
    const previous: GroundEvidence = { ...groundUnread, config: faulty };
    expect(await looking(all)({ ...close, depth: 'surface', previous })).toEqual(previous);
    expect(await looking(all)({ ...close, depth: 'surface' })).toEqual(groundUnread);
    expect(asked).toEqual([]);
  });

  it('is asked for whole by a close look, thoroughly when the gateway is down', async () => {
    const { sights: all, asked } = sights();
    const seen = await looking(all)(close);
    expect(seen).toMatchObject({
      config: sound,
      dependencies: { kind: 'intact' },
      plugins: { kind: 'intact' },
      launch: { kind: 'sound' },
      lock: { kind: 'free' },
      disk: { kind: 'read' },
      descriptors: { kind: 'read' },
      log: { kind: 'read' },
      boot: { kind: 'none' },
      channels: { kind: 'normal' },
      rollback: { kind: 'unread' },
      reinstall: { kind: 'unread' },
    });
    expect(asked.sort()).toEqual([
      'config {"wait":false}',
      'dependencies {"failing":true}',
      'descriptors 7',
      'disk',
      'launch',
      'lock 7',
      'log {"serving":false}',
    ]);
  });

  it('of a serving gateway is looked at without haste, with what it answered to health', async () => {
    const { sights: all, asked } = sights();
    const rpcHealth = Promise.resolve({ channels: {} });
    await looking(all, { wait: true })({ ...close, serving: true, rpcHealth });
    expect(asked).toContain('dependencies {"failing":false}');
    expect(asked).toContain('log {"serving":true,"rpcHealth":{"channels":{}}}');
    expect(asked).toContain('config {"wait":true}');
  });

  it('has no open files to count without a process', async () => {
    for (const servicePid of [null, 'unknown'] as const) {
      const { sights: all, asked } = sights();
      expect((await looking(all)({ ...close, servicePid })).descriptors).toEqual({ kind: 'unread' });
      expect(asked).toContain(`lock ${JSON.stringify(servicePid)}`);
      expect(asked.join()).not.toContain('descriptors');
    }
  });

  it('asks for a remedy only where there is something it would mend', async () => {
    const broken = sights({
      config: async () => faulty,
      dependencies: async () => ({ dependencies: missing, plugins: { kind: 'intact' } }),
    });
    const seen = await looking(broken.sights)(close);
    expect(seen).toMatchObject({ rollback: { id: 'snapshot 1' }, reinstall: { id: 'archive 1' } });
    expect(broken.asked).toContain(`rollback ${JSON.stringify(faulty)}`);
    const half = { kind: 'half-installed', aside: null, because: 'x' } as const;
    const corrupted = { kind: 'corrupted', files: ['dist/index.js'], lost: false, because: 'x' } as const;
    for (const dependencies of [half, corrupted]) {
      const one = sights({ dependencies: async () => ({ dependencies, plugins: { kind: 'intact' } }) });
      expect((await looking(one.sights)(close)).reinstall.kind).toBe('ready');
    }
    const doubtful = sights({
      dependencies: async () => ({
        dependencies: { kind: 'unknown', because: 'x' },
        plugins: { kind: 'unknown', because: 'x' },
      }),
    });
    expect((await looking(doubtful.sights)(close)).reinstall.kind).toBe('unread');
  });

  it('turns whatever throws into "unknown" with its words, and loses nothing else', async () => {
    const boom = (): never => {
      throw new Error('the disk said EIO');
    };
    const { sights: all } = sights();
    const seen = await looking({
      ...all,
      config: boom,
      dependencies: async () => boom(),
      log: boom,
      machine: { ...all.machine, launch: boom, lock: async () => boom() },
    })(close);
    for (const key of [
      'config',
      'dependencies',
      'plugins',
      'log',
      'boot',
      'channels',
      'launch',
      'lock',
    ] as const) {
      expect(seen[key], key).toMatchObject({ kind: 'unknown', because: expect.stringContaining('EIO') });
    }
    expect(seen.disk.kind).toBe('read');
    expect(seen.rollback.kind).toBe('unread');
  });

  it('does not wait for what hangs, nor asks it again until it has come back', async () => {
    const never = Promise.withResolvers<GroundEvidence['disk']>();
    let disks = 0;
    const { sights: all } = sights();
    // The deadline passes as soon as everything else has answered.
    const clock = {
      ...systemClock(),
      sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 50)),
    };
    const look = looking(
      {
        ...all,
        machine: {
          ...all.machine,
          disk: () => {
            disks += 1;
            return never.promise;
          },
        },
      },
      { clock },
    );
    expect(await look(close)).toMatchObject({
      disk: { kind: 'unknown', because: expect.stringContaining('longer than') },
      lock: { kind: 'free' },
    });
    expect((await look(close)).disk).toMatchObject({ kind: 'unknown' });
    expect(disks).toBe(1);
    never.resolve({ kind: 'read', path: '/', freeBytes: 1 });
    await never.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect((await look(close)).disk).toMatchObject({ kind: 'read' });
    expect(disks).toBe(2);
  });
});

describe('a repair by hand', () => {
  it('names the command to type, with the very version and prefix', async () => {
    expect(installCommand({ version: '2026.9.6', prefix: '/opt/x' })).toBe(
      'npm install -g openclaw@2026.9.6 --prefix /opt/x',
    );
    expect(installCommand({ version: null, prefix: "/Users/o'neil/my npm" })).toBe(
      `npm install -g openclaw --prefix '/Users/o'\\''neil/my npm'`,
    );
    const alone = createRemedies({
      planner: null,
      processes: async () => [],
      clock: systemClock(),
    });
    expect(await alone.reinstall(missing)).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining('"immune fix-deps"'),
    });
    expect(await alone.rollback(faulty)).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining('run "immune fix-config"'),
    });
  });

  it('keeps what a deep look found of the channels until another has the answer to health', async () => {
    const { sights: all } = sights();
    const previous: GroundEvidence = {
      ...groundUnread,
      channels: { kind: 'suppressed', until: null, because: 'the breaker has tripped' },
    };
    const serving = { ...close, serving: true, previous };
    expect((await looking(all)(serving)).channels.kind).toBe('suppressed');
    const answered = { ...serving, rpcHealth: Promise.resolve({ ok: true }) };
    expect((await looking(all)(answered)).channels.kind).toBe('normal');
    expect((await looking(all)({ ...serving, previous: null })).channels.kind).toBe('normal');
  });

  it('asks for an archive where the log alone speaks of damage', async () => {
    const findings = [{ sign: 'code-damaged', at: null, text: 'Unexpected end of input' }] as const;
    const { sights: all } = sights({
      log: async () => ({
        log: { kind: 'read', findings },
        boot: { kind: 'none' },
        channels: { kind: 'unread' },
      }),
    });
    expect((await looking(all)(close)).reinstall.kind).toBe('ready');
  });

  it('has every byte of the package compared where the log alone speaks of damage', async () => {
    const findings = [{ sign: 'code-damaged', at: null, text: 'Unexpected end of input' }] as const;
    const rotten: GroundEvidence['dependencies'] = {
      kind: 'corrupted',
      files: ['dist/index.js'],
      lost: false,
      because: 'dist/index.js has other bytes',
    };
    const intact: GroundEvidence['dependencies'] = { kind: 'intact', version: '2026.9.6' };
    const late: GroundEvidence['dependencies'] = { kind: 'unknown', because: 'it takes too long' };
    const seenWhen = async (deep: GroundEvidence['dependencies']) => {
      const { sights: all } = sights({
        dependencies: async (ask) => ({
          dependencies: ask.deep === true ? deep : intact,
          plugins: { kind: 'intact' },
        }),
        log: async () => ({
          log: { kind: 'read', findings },
          boot: { kind: 'none' },
          channels: { kind: 'unread' },
        }),
      });
      return (await looking(all)(close)).dependencies;
    };
    expect(await seenWhen(rotten)).toEqual(rotten);
    expect(await seenWhen(late)).toEqual(intact);
  });
});
