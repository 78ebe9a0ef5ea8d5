import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { bundle } from './bundle.ts';
import { type Daemon, type Ground, healthy, intents, notices, onGround, read, until } from './ground.ts';

const built = bundle();
afterAll(() => built.remove());
const failingDisk = fileURLToPath(new URL('./failing-disk.mjs', import.meta.url));

const on = (work: (ground: Ground) => Promise<void>) => (): Promise<void> => onGround(built.path, work);

const gatewayPid = (ground: Ground): number => {
  const process = ground.status()?.evidence?.process;
  const pid = process?.kind === 'alive' ? process.pid : ground.status()?.state.generation?.pid;
  if (pid === undefined) throw new Error('no gateway is known');
  return pid;
};
const freeze = (ground: Ground): number => {
  const pid = gatewayPid(ground);
  process.kill(pid, 'SIGSTOP');
  return pid;
};
const restarted = (ground: Ground, daemon: Daemon, before: number) =>
  until(ground, 'another gateway, serving', () => {
    const status = ground.status();
    const state = status?.pid === daemon.pid ? status.state : null;
    return state?.phase.kind === 'healthy' && state.incident === null && state.generation?.pid !== before;
  });

describe.concurrent('a journal', { timeout: 90_000 }, () => {
  /** A watchdog that has lived and ended in good order. */
  const lived = async (ground: Ground): Promise<void> => {
    const daemon = ground.daemon();
    await healthy(ground, daemon);
    await daemon.stop();
  };

  it(
    'whose last line is torn loses that line and nothing else',
    on(async (ground) => {
      await lived(ground);
      const whole = readFileSync(ground.paths.journal, 'utf8');
      appendFileSync(ground.paths.journal, '{"seq":99,"at":1,"kind":"int');
      const daemon = ground.daemon();
      await healthy(ground, daemon);
      expect(ground.log()).toContain('the last journal line was torn (28 bytes) and was dropped');
      expect(readFileSync(ground.paths.journal, 'utf8').startsWith(whole)).toBe(true);
      expect((await daemon.stop()).code).toBe(0);
    }),
  );

  it(
    'damaged in its middle is kept aside, and nothing is decided until "immune resume"',
    on(async (ground) => {
      await lived(ground);
      const lines = readFileSync(ground.paths.journal, 'utf8').split('\n');
      lines[0] = `${lines[0]?.slice(0, 40)}#`;
      const damaged = lines.join('\n');
      writeFileSync(ground.paths.journal, damaged);
      const doubtful = async (): Promise<Daemon> => {
        const daemon = ground.daemon();
        await until(ground, 'in doubt', () => {
          const status = ground.status();
          const phase = status?.pid === daemon.pid && status.evidence !== null ? status.state.phase : null;
          return phase?.kind === 'suspended' && phase.cause === 'journal-in-doubt';
        });
        return daemon;
      };
      // Also when it dies before anybody looked.
      await (await doubtful()).stop('SIGTERM');
      const daemon = await doubtful();
      const aside = readdirSync(ground.paths.state).filter((name) => name.includes('quarantined'));
      expect(aside).toHaveLength(1);
      expect(readFileSync(join(ground.paths.state, aside[0] ?? ''), 'utf8')).toBe(damaged);
      expect(read(ground.paths.alertFile)).toMatch(/needs you[\s\S]*journal is damaged or was/);
      const status = await ground.immune('status');
      expect(status.code).toBe(3);
      expect(status.out).toMatch(/deciding nothing because it doubts itself[\s\S]*immune resume/);
      await until(ground, 'a gateway of this watchdog, seen ready', () => {
        const now = ground.status();
        const readyAt = now?.state.generation?.readyAt ?? 0;
        return now?.pid === daemon.pid && now.evidence?.socket.kind === 'open' && readyAt > now.startedAt;
      });
      const frozen = freeze(ground);
      await until(ground, 'a look at the hang', () => ground.status()?.evidence?.healthz.kind === 'timeout');
      expect(intents(ground)).toEqual([]);
      expect(await ground.immune('resume')).toMatchObject({ code: 0, err: '' });
      await restarted(ground, daemon, frozen);
      expect(intents(ground)).toHaveLength(1);
      expect(read(ground.paths.alertFile)).toContain('nothing needs you');
    }),
  );

  it(
    'that cannot be read is put aside too: the watchdog lives, and doubts itself',
    on(async (ground) => {
      await lived(ground);
      rmSync(ground.paths.journal);
      mkdirSync(ground.paths.journal);
      const daemon = ground.daemon();
      await until(ground, 'in doubt', () => ground.status()?.state.phase.kind === 'suspended');
      expect(ground.log()).toContain('is not a regular file');
      expect((await daemon.stop()).code).toBe(0);
    }),
  );
});

describe.concurrent('a disk', { timeout: 90_000 }, () => {
  it(
    'that takes no line for a while: no action without a durable intent, and one as soon as it does',
    on(async (ground) => {
      const full = join(ground.home, 'disk-is-full');
      const arm = `data:text/javascript,process.env.DISK_FULL=${JSON.stringify(encodeURI(full))}`;
      const daemon = ground.daemon(['--import', arm, '--import', failingDisk]);
      await healthy(ground, daemon);
      writeFileSync(full, '');
      const lines = ground.journal().length;
      const frozen = freeze(ground);
      await until(ground, 'the clear line', () =>
        /journal cannot be written, so nothing is done: .*the disk is full \(ENOSPC\)/.test(ground.log()),
      );
      // Longer than it would take to act.
      const from = ground.log().split('so nothing is done').length;
      await until(ground, 'more looks', () => ground.log().split('so nothing is done').length > from + 2);
      expect(daemon.hasEnded()).toBe(false);
      expect(ground.journal()).toHaveLength(lines);
      rmSync(full);
      await restarted(ground, daemon, frozen);
      expect(intents(ground)).toHaveLength(1);
      expect(notices(ground).map((notice) => notice.kind)).toEqual(['opened', 'action', 'resolved']);
      expect((await daemon.stop()).code).toBe(0);
      expect(ground.journal().map((line) => line.seq)).toEqual(ground.journal().map((_line, at) => at + 1));
    }),
  );

  const mount = mountTiny();
  it.skipIf(mount === null)(
    'of one megabyte that is really full costs lines and looks, never the watchdog (needs root to mount)',
    on(async (ground) => {
      if (mount === null) return;
      mkdirSync(ground.paths.state, { recursive: true });
      mount.on(ground.paths.state);
      try {
        const daemon = ground.daemon();
        await healthy(ground, daemon);
        const ballast = join(ground.paths.state, 'ballast');
        fill(ballast);
        const frozen = freeze(ground);
        await until(ground, 'the clear line', () => ground.log().includes('so nothing is done'));
        expect(intents(ground)).toEqual([]);
        expect(daemon.hasEnded()).toBe(false);
        rmSync(ballast);
        await restarted(ground, daemon, frozen);
        expect(intents(ground)).toHaveLength(1);
        fill(ballast);
        const { code } = await daemon.stop();
        expect(code).toBe(0);
        // A start on a full disk ends with a clear line, and the next one after it works.
        const refused = await ground.daemon().ended;
        expect([refused.code, refused.err]).toEqual([3, expect.stringContaining('the disk is full')]);
        rmSync(ballast);
        await healthy(ground, ground.daemon());
      } finally {
        await ground.stopAll();
        mount.off(ground.paths.state);
      }
    }),
  );

  it.skipIf(mount === null)(
    'that is read-only ends every command with a clear line, and the next start works (needs root to mount)',
    on(async (ground) => {
      if (mount === null) return;
      mkdirSync(ground.paths.state, { recursive: true });
      mount.on(ground.paths.state);
      try {
        mount.again(ground.paths.state, 'ro');
        for (const args of [['daemon', '--foreground'], ['check'], ['job', 'archive']]) {
          const { code, err } = await ground.immune(...args);
          expect([args, code]).toEqual([args, 3]);
          expect(err).toContain('the file system is read-only (EROFS)');
          expect(err).toContain(`make ${ground.paths.data} writable`);
        }
        mount.again(ground.paths.state, 'rw');
        const daemon = ground.daemon();
        await healthy(ground, daemon);
        expect((await daemon.stop()).code).toBe(0);
      } finally {
        await ground.stopAll();
        mount.off(ground.paths.state);
      }
    }),
  );
});

function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(1_024));
  } catch {
    // Full, which is what was wanted.
  }
}

/** A real small file system, where this user may mount one. */
function mountTiny() {
  const run = (...args: string[]): boolean => {
    try {
      execFileSync(args[0] ?? '', args.slice(1), { stdio: 'pipe' });
      return true;
    } catch {
      // Not root, or a container that may not mount.
      return false;
    }
  };
  const tmpfs = (options: string, path: string): boolean =>
    run('mount', '-t', 'tmpfs', '-o', `size=1m,mode=700${options}`, 'tmpfs', path);
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const trial = '/mnt';
  if (!tmpfs('', trial)) return null;
  run('umount', trial);
  return {
    on: (path: string) => tmpfs('', path) || fail(),
    again: (path: string, how: 'ro' | 'rw') => run('mount', '-o', `remount,${how}`, path) || fail(),
    off: (path: string) => run('umount', '-l', path),
  };
}

function fail(): never {
  throw new Error('the small file system could not be mounted');
}
