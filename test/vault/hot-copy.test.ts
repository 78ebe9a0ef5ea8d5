import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Run, run } from '../../src/system/run.ts';
import { manifestOf } from '../../src/vault/archives.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import { makeHotCopy } from '../../src/vault/hot-copy.ts';
import { type ArchiveGround, archiveGround, never } from './archive-ground.ts';

let ground: ArchiveGround;
let manifestFile: string;
let copies: readonly (readonly string[])[];
beforeEach(async () => {
  ground = archiveGround();
  copies = [];
  const made = await createArchive(ground.request());
  manifestFile = manifestOf(ground.archives, made.kind === 'archived' ? made.archive.name : '');
});
afterEach(() => ground.close());

/** A Mac's cp, played by this one's, which has no clones to make; before it begins `first` happens. */
const copying =
  (first: () => void = () => undefined): Run =>
  (request) => {
    copies = [...copies, [request.file, ...request.args]];
    first();
    return run({ ...request, args: request.args.filter((word) => word !== '-c') });
  };
const ask = (doing: Run, platform = 'darwin') =>
  makeHotCopy({
    archivesDir: ground.archives,
    root: ground.tree,
    openclaw: '2026.9.6',
    manifestFile,
    platform,
    run: doing,
    signal: never,
  });
const hot = (): readonly string[] => readdirSync(join(ground.archives, 'hot'));

describe('the clone of the package', () => {
  it('is what was archived, and takes the place of the one before', async () => {
    expect(await ask(copying())).toEqual({
      kind: 'copied',
      path: join(ground.archives, 'hot', '2026.9.6', 'openclaw'),
    });
    expect(copies[0]?.slice(0, 4)).toEqual(['/bin/cp', '-c', '-R', '-p']);
    expect((await ask(copying())).kind).toBe('copied');
    expect(hot()).toEqual(['2026.9.6']);
  });

  it('is not kept when the package was changed since it was archived: the one before stays', async () => {
    await ask(copying());
    const update = (): void => ground.write('dist/a.js', 'export const a = 2026;\n');
    expect(await ask(copying(update))).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('dist/a.js'),
    });
    expect(hot()).toEqual(['2026.9.6']);
    const kept = join(ground.archives, 'hot', '2026.9.6', 'openclaw', 'dist', 'a.js');
    expect(readFileSync(kept, 'utf8')).toBe('export const a = 1;\n');
  });

  it('is made on a Mac alone, and left out where files cannot be cloned', async () => {
    expect((await ask(copying(), 'linux')).kind).toBe('skipped');
    expect(existsSync(join(ground.archives, 'hot'))).toBe(false);
    const refused: Run = async () => ({
      kind: 'exited',
      code: 1,
      stdout: '',
      stderr: 'clonefile failed: Operation not supported',
    });
    expect(await ask(refused)).toMatchObject({
      kind: 'skipped',
      because: expect.stringContaining('clonefile'),
    });
    expect(hot()).toEqual([]);
  });
});
