import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { listArchives } from '../../src/vault/archives.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import { verifyArchive } from '../../src/vault/verify-archive.ts';
import { type ArchiveGround, archiveGround, never, print } from '../vault/archive-ground.ts';
import type { ArchiveErrand } from './archive-child.ts';

/**
 * An archive is killed (SIGKILL) at each of its calls that changes a file, a write torn in its middle: with
 * IMMUNE_KILL_POINTS=all at every one, otherwise at every seventh.
 */
const every = process.env['IMMUNE_KILL_POINTS'] === 'all';
const step = every ? 1 : 7;
/** An archive of the small installation has less than a hundred. */
const maxPoints = 1_000;
const run = promisify(execFile);
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function archiveKilledAt(ground: ArchiveGround, killAt: number): Promise<{ survived: boolean }> {
  const { archivesDir, head, trees } = ground.request();
  const errand: ArchiveErrand = { archivesDir, head, trees, now: head.takenAt };
  const argv = ['--import', file('./killer.mjs'), file('./archive-child.ts'), JSON.stringify(errand)];
  const notes = join(ground.root, 'calls.txt');
  const env = { ...process.env, KILL_AT: String(killAt), KILL_NOTES: notes };
  const ended = await run(process.execPath, argv, { env }).catch(
    (error: unknown) => error as { signal?: string },
  );
  const survived = !('signal' in ended) || ended.signal === undefined;
  if (survived) expect(ended).toMatchObject({ stdout: expect.stringContaining('"archived"') });
  else expect(ended).toMatchObject({ signal: 'SIGKILL' });
  return { survived };
}

/** Every archive that counts is whole. */
async function verifyAll(ground: ArchiveGround): Promise<readonly string[]> {
  const { archives } = await listArchives(ground.archives);
  for (const { name } of archives) {
    const outcome = await verifyArchive({
      archivesDir: ground.archives,
      name,
      restore: false,
      signal: never,
    });
    expect(outcome.kind, name).toBe('verified');
  }
  return archives.map(({ name }) => name);
}

describe('an archive that is killed at any call', () => {
  it('leaves the one before whole, and the next run completes', async () => {
    const ground = archiveGround();
    try {
      let killed = 0;
      for (let killAt = 1; ; killAt += step) {
        expect(killAt).toBeLessThan(maxPoints);
        rmSync(ground.archives, { recursive: true, force: true });
        ground.write('dist/a.js', 'one\n');
        const first = await createArchive(ground.request());
        if (first.kind !== 'archived') throw new Error(first.because);
        ground.write('dist/a.js', 'two\n');
        ground.write('node_modules/ws/lib/websocket.js', 'two\n');
        const live = print(ground.tree);
        const { survived } = await archiveKilledAt(ground, killAt);
        // Nothing of it touches the installation itself.
        expect(print(ground.tree)).toEqual(live);
        const counted = await verifyAll(ground);
        expect(counted).toContain(first.archive.name);
        const next = await createArchive(ground.request());
        expect(next.kind).toBe('archived');
        expect(await verifyAll(ground)).toHaveLength(counted.length + 1);
        expect((await listArchives(ground.archives)).problems).toEqual([]);
        expect(readdirSync(ground.archives).filter((name) => name === 'work')).toEqual([]);
        if (survived) break;
        killed += 1;
      }
      // A killer that never kills would prove nothing.
      expect(killed).toBeGreaterThan(4);
      const notes = join(ground.root, 'calls.txt');
      expect(existsSync(notes) && readFileSync(notes, 'utf8')).toContain('archive.json');
    } finally {
      ground.close();
    }
  }, 600_000);
});
