import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { currentManifest, listArchives } from '../../src/vault/archives.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import { verifyArchive } from '../../src/vault/verify-archive.ts';
import { archiveGround, never } from '../vault/archive-ground.ts';

/** A disk of 6 MB in memory: full for real, in the middle of whatever is written. */
function smallDisk(): { readonly root: string; close(): void } {
  const root = mkdtempSync(join(tmpdir(), 'immune-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', root], { stdio: 'pipe' });
  return {
    root,
    close: () => {
      execFileSync('umount', [root]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function whyNot(): string | null {
  if (process.platform !== 'linux') return 'tmpfs is a matter of Linux';
  if (process.getuid?.() !== 0) return 'only root can mount a file system';
  try {
    smallDisk().close();
    return null;
  } catch (error) {
    return `no tmpfs can be mounted here: ${String(error)}`;
  }
}

const because = whyNot();

describe('a disk that is full in the middle of an archive', () => {
  if (because !== null) console.log(`SKIPPED: ${because}`);

  it.skipIf(because !== null)(
    'leaves older archives whole, keeps the manifest and is made up for',
    async () => {
      const ground = archiveGround();
      const disk = smallDisk();
      const archivesDir = join(disk.root, 'archives');
      try {
        mkdirSync(archivesDir, { mode: 0o700 });
        const first = await createArchive(ground.request({ archivesDir }));
        if (first.kind !== 'archived') throw new Error(first.because);
        const noise = Buffer.alloc(1_048_576);
        for (let at = 0; at < noise.length; at += 4)
          noise.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at);
        ground.write('node_modules/large/noise', noise);
        const ballast = join(disk.root, 'ballast');
        const { bavail, bsize } = statfsSync(disk.root);
        writeFileSync(ballast, Buffer.alloc(bavail * bsize - 262_144));
        const failed = await createArchive(ground.request({ archivesDir }));
        expect(failed).toMatchObject({ kind: 'failed', recorded: true });
        expect(failed).toHaveProperty('because', expect.stringMatching(/ENOSPC|full/));
        expect((await listArchives(archivesDir)).archives).toEqual([first.archive]);
        const ask = { archivesDir, name: first.archive.name, restore: false, signal: never };
        expect((await verifyArchive(ask)).kind).toBe('verified');
        expect(await currentManifest(archivesDir)).toMatchObject({ kind: 'found', archive: null });
        rmSync(ballast);
        const next = await createArchive(ground.request({ archivesDir }));
        expect(next.kind).toBe('archived');
      } finally {
        disk.close();
        ground.close();
      }
    },
  );
});
