import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instant, type Millis, millis } from '../../src/core/time.ts';
import { type ArchivesWatch, createArchivesWatch } from '../../src/daemon/archives-view.ts';
import { writeStamp } from '../../src/daemon/job-stamps.ts';
import type { ArchivesView } from '../../src/daemon/status-file.ts';
import { writeArchive } from '../../src/vault/archives.ts';

let dir: string;
let now: Millis;
let watch: ArchivesWatch;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'immune-archives-view-'));
  now = millis(0);
  watch = open();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function open(): ArchivesWatch {
  const silent = () => undefined;
  return createArchivesWatch({
    archivesDir: join(dir, 'archives'),
    stateDir: join(dir, 'state'),
    clock: { elapsed: () => now },
    log: { debug: silent, info: silent, warn: silent, error: silent, close: silent },
  });
}

/** So much later, once it has looked. */
async function look(afterMs = 60_000): Promise<ArchivesView | null> {
  const before = watch.view();
  now = millis(now + afterMs);
  watch.onLook();
  await expect.poll(() => watch.view() !== before).toBe(true);
  return watch.view();
}

async function archive(openclaw: string, day: number): Promise<void> {
  const name = `${openclaw}-202611${day}T030000Z`;
  mkdirSync(join(dir, 'archives', name), { recursive: true });
  const takenAt = instant(Date.UTC(2026, 10, day, 3));
  const written = await writeArchive(join(dir, 'archives'), {
    version: 1,
    name,
    openclaw,
    nodeAbi: '147',
    platform: 'darwin',
    arch: 'arm64',
    takenAt,
    verifiedAt: takenAt,
    seenAt: takenAt,
    units: 1,
    files: 1,
    bytes: 1,
    storedBytes: 1,
  });
  if (written.kind === 'failed') throw new Error(written.because);
}

describe('what the status says of the archives', () => {
  it('is nothing before the first look, and then that there is none', async () => {
    expect(watch.view()).toBeNull();
    expect(await look()).toEqual({ newestAt: null, version: null, problem: null });
  });

  it('is the newest one that counts', async () => {
    await archive('2026.6.6', 19);
    await archive('2026.9.6', 20);
    expect(await look()).toEqual({
      newestAt: Date.UTC(2026, 10, 20, 3),
      version: '2026.9.6',
      problem: null,
    });
  });

  it('is looked up once a minute at most', async () => {
    const first = await look();
    await archive('2026.9.6', 20);
    now = millis(now + 59_000);
    watch.onLook();
    // Another one that looks now has seen it by the time this one would have.
    const other = open();
    other.onLook();
    await expect.poll(() => other.view()).toMatchObject({ version: '2026.9.6' });
    expect(watch.view()).toBe(first);
    expect(await look(1_000)).toMatchObject({ version: '2026.9.6' });
  });

  it('is a problem only when it is still there at the next look: one may just be being made', async () => {
    mkdirSync(join(dir, 'archives', '2026.9.6-20261120T030000Z'), { recursive: true });
    expect(await look()).toMatchObject({ problem: null });
    expect(await look()).toMatchObject({ problem: '2026.9.6-20261120T030000Z was never finished' });
    writeFileSync(join(dir, 'archives', '2026.9.6-20261120T030000Z', 'archive.json'), '{}');
    expect(await look()).toMatchObject({ problem: null });
  });

  it('is the failure of the job that takes them', async () => {
    mkdirSync(join(dir, 'state', 'jobs'), { recursive: true });
    await writeStamp(join(dir, 'state'), 'archive', {
      at: instant(1),
      ok: false,
      text: 'the disk is full',
      version: null,
    });
    expect(await look()).toMatchObject({ problem: 'the disk is full' });
  });
});
