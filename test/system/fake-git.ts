import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a machine's git says when it cannot work, although no repository is damaged. */
export const ailments: readonly {
  readonly what: string;
  readonly says: string;
  readonly code: number;
  /** The next command, as the failure must name it. */
  readonly next: string;
}[] = [
  {
    what: 'a Mac without its developer tools',
    says: 'xcrun: error: invalid active developer path (/Library/Developer/CommandLineTools), missing xcrun at: /Library/Developer/CommandLineTools/usr/bin/xcrun',
    code: 1,
    next: 'xcode-select --install',
  },
  {
    what: 'an Xcode whose licence nobody agreed to',
    says: "You have not agreed to the Xcode license agreements. Please run 'sudo xcodebuild -license' from within a Terminal window to review and agree to the Xcode and Apple SDKs license.",
    code: 69,
    next: 'sudo xcodebuild -license',
  },
  {
    what: 'a folder of another account',
    says: "fatal: detected dubious ownership in repository at '/x/config-backup'",
    code: 128,
    next: 'sudo chown -R',
  },
  { what: 'no memory', says: 'fatal: Out of memory, malloc failed', code: 128, next: 'git -C' },
  {
    what: 'no memory, told as damage',
    says: `error: unable to mmap objects/ab/cd: Cannot allocate memory\nfatal: loose object ${'a'.repeat(40)} (stored in objects/ab/cd) is corrupt`,
    code: 128,
    next: 'git -C',
  },
  {
    what: 'a full disk',
    says: 'fatal: write error: No space left on device',
    code: 128,
    next: 'df -h',
  },
  {
    what: 'no permission',
    says: `error: unable to open object file: Permission denied\nerror: ${'a'.repeat(40)}: object corrupt or missing: objects/aa`,
    code: 3,
    next: 'ls -ld',
  },
  {
    what: 'a failing disk or a volume that went away',
    says: 'error: unable to read: Input/output error',
    code: 128,
    next: 'git -C',
  },
  {
    what: 'a repository of a newer git',
    says: 'fatal: unknown repository extension found:\n\trefstorage',
    code: 128,
    next: 'git -C',
  },
  {
    what: 'a library that does not load',
    says: 'dyld[7]: Library not loaded: /opt/homebrew/opt/pcre2/lib/libpcre2-8.0.dylib',
    code: 134,
    next: 'git -C',
  },
  { what: 'nothing said', says: '', code: 1, next: 'git -C' },
];

/** A program in the place of git that works, until it is made to ail. */
export function fakeGit(folder: string, real: string) {
  const path = join(folder, 'fake-git');
  const put = (text: string): void => {
    writeFileSync(`${path}.tmp`, `#!/bin/sh\n${text}\n`);
    chmodSync(`${path}.tmp`, 0o755);
    renameSync(`${path}.tmp`, path);
  };
  const heal = (): void => put(`exec ${real} "$@"`);
  heal();
  return {
    path,
    heal,
    remove: (): void => rmSync(path),
    kill: (): void => put('kill -9 $$'),
    ail: (says: string, code: number): void => put(`cat >&2 <<'END'\n${says}\nEND\nexit ${code}`),
    /** Only that verb ails. */
    ailAt: (verb: string, says: string, code: number): void =>
      put(
        `for word in "$@"; do\nif [ "$word" = ${verb} ]; then\ncat >&2 <<'END'\n${says}\nEND\nexit ${code}\nfi\ndone\nexec ${real} "$@"`,
      ),
  };
}
