import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readSecret, type SecretPlace } from '../../src/alerts/secret.ts';
import { run } from '../../src/system/run.ts';
import { never } from './support/ground.ts';

const dir = mkdtempSync(join(tmpdir(), 'immune-secret-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const nowhere: SecretPlace = { secretFile: null, secretEnv: null, secretKeychain: null };
const read = (
  place: Partial<SecretPlace>,
  {
    env = {},
    security = null,
  }: { readonly env?: Record<string, string>; readonly security?: string | null } = {},
) => readSecret({ ...nowhere, ...place }, { env, run, security }, never);

function file(name: string, text: string, mode = 0o600): string {
  const path = join(dir, name);
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
}

const refused = (because: RegExp) => ({ kind: 'refused', because: expect.stringMatching(because) });

describe('a secret in a file', () => {
  it('is the one line of it, without the space around', async () => {
    expect(await read({ secretFile: file('a', '  tk_123\r\n\n') })).toEqual({ kind: 'read', text: 'tk_123' });
    expect(await read({ secretFile: file('bom', '\ufefftk_123\r\n') })).toEqual({
      kind: 'read',
      text: 'tk_123',
    });
    const link = join(dir, 'link');
    symlinkSync(file('b', 'tk_456'), link);
    expect(await read({ secretFile: link })).toEqual({ kind: 'read', text: 'tk_456' });
  });

  it.each([0o640, 0o604, 0o644, 0o620, 0o666])('is not read when others may (mode %o)', async (mode) => {
    const path = file(`mode-${mode}`, 'tk_hidden', mode);
    const outcome = await read({ secretFile: path });
    expect(outcome).toEqual(refused(/others may read .*chmod 600/));
    expect(JSON.stringify(outcome)).not.toContain('tk_hidden');
    chmodSync(path, 0o600);
    expect((await read({ secretFile: path })).kind).toBe('read');
  });

  it.runIf(process.getuid?.() === 0)('is not read when it belongs to somebody else', async () => {
    const path = file('theirs', 'tk_hidden');
    chownSync(path, 65_534, 65_534);
    expect(await read({ secretFile: path })).toEqual(refused(/belongs to another user/));
  });

  it('is refused in words when it is missing, empty, long, of several lines, or no file', async () => {
    expect(await read({ secretFile: join(dir, 'none') })).toEqual(refused(/does not exist/));
    expect(await read({ secretFile: dir })).toEqual(refused(/not a regular file/));
    expect(await read({ secretFile: file('empty', ' \n') })).toEqual(refused(/is empty/));
    expect(await read({ secretFile: file('long', 'x'.repeat(5_000)) })).toEqual(
      refused(/more than 4096 bytes/),
    );
    expect(await read({ secretFile: file('lines', 'a\r\nX-Evil: 1') })).toEqual(refused(/one line/));
    expect(await read({ secretFile: file('nul', 'a\0b') })).toEqual(refused(/one line/));
    expect(await read({ secretFile: file('unseen', 'tk_\u200b1') })).toEqual(refused(/cannot be seen/));
    const pipe = join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(await read({ secretFile: pipe })).toEqual(refused(/not a regular file/));
  });
});

describe('a secret elsewhere', () => {
  it('may be in the environment, or nowhere', async () => {
    expect(await read({ secretEnv: 'TOKEN' }, { env: { TOKEN: 'tk_1' } })).toEqual({
      kind: 'read',
      text: 'tk_1',
    });
    expect(await read({ secretEnv: 'TOKEN' })).toEqual(refused(/has no TOKEN/));
    expect(await read({})).toEqual({ kind: 'none' });
  });

  /** Stands in for macOS's `security`: logs its arguments, and does as its item's name says. */
  const security = join(dir, 'security');
  writeFileSync(
    security,
    `#!/bin/sh
printf '%s\\n' "$@" > "${dir}/argv"
case "$4" in
  good) echo tk_from_keychain ;;
  none) echo 'security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.' >&2; exit 44 ;;
  *) echo 'security: SecKeychainItemCopyContent: User interaction is not allowed.' >&2; exit 36 ;;
esac
`,
    { mode: 0o755 },
  );

  it('may be in the keychain, asked for by argument', async () => {
    expect(await read({ secretKeychain: 'good' }, { security })).toEqual({
      kind: 'read',
      text: 'tk_from_keychain',
    });
    const argv = execFileSync('cat', [join(dir, 'argv')], { encoding: 'utf8' });
    expect(argv.trim().split('\n')).toEqual(['find-generic-password', '-w', '-s', 'good']);
  });

  it('is asked for again when the keychain is locked, and not when it has no such item', async () => {
    expect(await read({ secretKeychain: 'locked' }, { security })).toEqual({
      kind: 'later',
      because: expect.stringContaining('locked'),
    });
    expect(await read({ secretKeychain: 'none' }, { security })).toEqual(
      refused(/^there is no keychain item "none"; type: security add-generic-password .*-s 'none'/),
    );
    expect(await read({ secretKeychain: 'good' })).toEqual(refused(/no keychain here/));
    expect((await read({ secretKeychain: 'good' }, { security: join(dir, 'gone') })).kind).toBe('later');
  });
});
