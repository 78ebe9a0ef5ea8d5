import { execFileSync } from 'node:child_process';
import fs, {
  chmodSync,
  existsSync,
  mkdirSync,
  promises,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAppend } from '../../src/system/append-file.ts';
import {
  ensurePrivateDirectory,
  type Files,
  readIfExists,
  syncDirectory,
  writeDurable,
} from '../../src/system/durable-file.ts';
import { workspace } from './workspace.ts';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

/** The real file operations, except that one of them fails as a disk would. */
function failing(operation: 'write' | 'sync' | 'rename', code: string): Files {
  const fail = async (): Promise<never> => {
    throw Object.assign(new Error(code), { code });
  };
  return {
    ...promises,
    ...(operation === 'rename' ? { rename: fail } : {}),
    open: async (...args: Parameters<Files['open']>) => {
      const handle = await promises.open(...args);
      if (operation === 'write') handle.writeFile = fail;
      if (operation === 'sync') handle.sync = fail;
      return handle;
    },
  };
}

describe('writeDurable', () => {
  it('replaces a file whole, with the mode asked for whatever the umask says, and leaves nothing else', async () => {
    const directory = workspace();
    const path = join(directory, 'state.json');
    writeFileSync(path, 'old', { mode: 0o644 });
    expect(await writeDurable(path, 'new', { mode: 0o600 })).toEqual({ kind: 'done' });
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(modeOf(path)).toBe(0o600);
    expect(await writeDurable(join(directory, 'run.sh'), new Uint8Array([35, 33]), { mode: 0o755 })).toEqual({
      kind: 'done',
    });
    expect(modeOf(join(directory, 'run.sh'))).toBe(0o755);
    expect(readdirSync(directory).sort()).toEqual(['run.sh', 'state.json']);
  });

  it.each([
    ['write', 'ENOSPC', 'the disk is full'],
    ['sync', 'EIO', 'input/output error'],
    ['rename', 'EROFS', 'the file system is read-only'],
    ['write', 'EDQUOT', 'quota'],
  ] as const)(
    'keeps the old file and removes the temporary one when %s fails with %s',
    async (operation, code, words) => {
      const directory = workspace();
      const path = join(directory, 'state.json');
      writeFileSync(path, 'old');
      const outcome = await writeDurable(path, 'new', { mode: 0o600, files: failing(operation, code) });
      expect(outcome).toMatchObject({ kind: 'failed', code });
      expect(outcome.kind === 'failed' && outcome.because).toContain(words);
      expect(outcome.kind === 'failed' && outcome.because).toContain(path);
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(directory)).toEqual(['state.json']);
    },
  );

  it('says which directory is missing', async () => {
    const outcome = await writeDurable(join(workspace(), 'gone', 'x'), 'new', { mode: 0o600 });
    expect(outcome).toMatchObject({ kind: 'failed', code: 'ENOENT' });
  });

  it('syncs the file before the rename and the directory after it', async () => {
    const directory = workspace();
    const order: string[] = [];
    const files: Files = {
      ...promises,
      rename: async (...args) => {
        order.push('rename');
        await promises.rename(...args);
      },
      open: async (...args) => {
        const handle = await promises.open(...args);
        const what = (await handle.stat()).isDirectory() ? 'sync directory' : 'sync file';
        const sync = handle.sync.bind(handle);
        handle.sync = async () => {
          order.push(what);
          await sync();
        };
        return handle;
      },
    };
    await writeDurable(join(directory, 'x'), 'new', { mode: 0o600, files });
    expect(order).toEqual(['sync file', 'rename', 'sync directory']);
  });

  it('fails with a plain sentence in a directory an ordinary user may not write', async () => {
    const directory = workspace();
    chmodSync(directory, 0o755);
    const asRoot = process.getuid?.() === 0;
    if (!asRoot) chmodSync(directory, 0o500);
    // Root may write anywhere: then the same call is made by an unprivileged child.
    const script = `import { writeDurable } from ${JSON.stringify(new URL('../../src/system/durable-file.ts', import.meta.url).href)};
      ${asRoot ? 'process.setgid(65534); process.setuid(65534);' : ''}
      console.log(JSON.stringify(await writeDurable(${JSON.stringify(join(directory, 'x'))}, 'new', { mode: 0o600 })));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    chmodSync(directory, 0o700);
    expect(JSON.parse(output)).toMatchObject({ kind: 'failed', code: 'EACCES' });
    expect(output).toContain('permission was denied');
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('openAppend', () => {
  it('appends lines in the order of the calls, also when nobody waits in between', async () => {
    const path = join(workspace(), 'journal.jsonl');
    const opened = await openAppend(path, 0o600);
    if (opened.kind === 'failed') throw new Error(opened.because);
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => opened.file.append(`line ${index}`)),
    );
    expect(outcomes.every((each) => each.kind === 'done')).toBe(true);
    await opened.file.close();
    expect(readFileSync(path, 'utf8')).toBe(
      Array.from({ length: 50 }, (_, index) => `line ${index}\n`).join(''),
    );
    expect(modeOf(path)).toBe(0o600);
  });

  it('drops a torn last line when told to, and goes on behind what is left', async () => {
    const path = join(workspace(), 'journal.jsonl');
    writeFileSync(path, 'whole\nto');
    const opened = await openAppend(path, 0o600);
    if (opened.kind === 'failed') throw new Error(opened.because);
    expect(await opened.file.truncate('whole\n'.length)).toEqual({ kind: 'done' });
    expect(await opened.file.append('next')).toEqual({ kind: 'done' });
    await opened.file.close();
    expect(readFileSync(path, 'utf8')).toBe('whole\nnext\n');
  });

  it('says when it cannot open', async () => {
    expect(await openAppend(join(workspace(), 'gone', 'x'), 0o600)).toMatchObject({
      kind: 'failed',
      code: 'ENOENT',
    });
  });

  it.skipIf(!existsSync('/dev/full'))('reports a full disk as a value', async () => {
    const opened = await openAppend('/dev/full', 0o600);
    if (opened.kind === 'failed') throw new Error(opened.because);
    const outcome = await opened.file.append('line');
    expect(outcome).toMatchObject({ kind: 'failed', code: 'ENOSPC' });
    expect(outcome.kind === 'failed' && outcome.because).toContain('the disk is full');
    await opened.file.close();
  });
});

describe('readIfExists', () => {
  it('reads up to the limit, and tells missing, too large and unreadable apart', async () => {
    const directory = workspace();
    const path = join(directory, 'x');
    writeFileSync(path, '12345');
    expect(await readIfExists(path, 5)).toEqual({ kind: 'read', bytes: Buffer.from('12345') });
    expect(await readIfExists(path, 4)).toMatchObject({ kind: 'too-large', bytes: 5 });
    expect(await readIfExists(join(directory, 'y'), 5)).toEqual({ kind: 'missing' });
    expect(await readIfExists(directory, 5)).toMatchObject({ kind: 'unreadable' });
  });

  it('does not wait for a named pipe, and does not read a device that never ends', async () => {
    const pipe = join(workspace(), 'pipe');
    execFileSync('/usr/bin/mkfifo', [pipe]);
    expect(await readIfExists(pipe, 100)).toMatchObject({ kind: 'unreadable' });
    expect(await readIfExists('/dev/zero', 100)).toMatchObject({ kind: 'unreadable' });
  });
});

describe('directories', () => {
  it('are made private, and tightened when they are there already', async () => {
    const directory = workspace();
    const open = join(directory, 'open');
    mkdirSync(open, { mode: 0o755 });
    chmodSync(open, 0o755);
    expect(await ensurePrivateDirectory(open)).toEqual({ kind: 'done' });
    expect(await ensurePrivateDirectory(join(directory, 'a', 'b'))).toEqual({ kind: 'done' });
    expect([modeOf(open), modeOf(join(directory, 'a')), modeOf(join(directory, 'a', 'b'))]).toEqual([
      0o700, 0o700, 0o700,
    ]);
    fs.writeFileSync(join(directory, 'file'), '');
    expect(await ensurePrivateDirectory(join(directory, 'file'))).toMatchObject({ kind: 'failed' });
  });

  it('can be synced, and a missing one is reported', async () => {
    const directory = workspace();
    expect(await syncDirectory(directory)).toEqual({ kind: 'done' });
    expect(await syncDirectory(join(directory, 'gone'))).toMatchObject({ kind: 'failed', code: 'ENOENT' });
  });
});
