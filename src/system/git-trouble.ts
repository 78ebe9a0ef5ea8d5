import type { RunResult } from './run.ts';

type Unsuccessful = { readonly kind: 'failed'; readonly because: string };

/** Of what git says the first lines tell why; a damaged history can fill megabytes. */
const maxSaidChars = 500;

/**
 * The machine, the account or git itself: true of a sound repository too, so that nothing is called damaged while
 * one of these is said. Each with what a person types next.
 */
const surroundings: readonly {
  readonly words: RegExp;
  readonly next: (dir: string) => string | null;
}[] = [
  { words: /licen[cs]e agreement|xcodebuild -license/i, next: () => 'sudo xcodebuild -license' },
  { words: /xcrun:|xcode-select|developer path|developer tools/i, next: () => 'xcode-select --install' },
  {
    words: /dubious ownership|unsafe repository/i,
    next: (dir) => `sudo chown -R "$(id -un)" ${quoted(dir)}`,
  },
  { words: /no space left|quota exceeded/i, next: () => 'df -h' },
  {
    words: /permission denied|operation not permitted|read-only file system/i,
    next: (dir) => `ls -ld ${quoted(dir)} ${quoted(`${dir}/.git`)}`,
  },
  {
    words:
      /out of memory|cannot allocate memory|too many open files|resource (temporarily unavailable|deadlock avoided)|input\/output error|timed out|stale (nfs )?file handle|device not configured|interrupted system call|library not loaded|killed|alternates/i,
    next: () => null,
  },
];

/**
 * The words of fsck for a history that cannot be read whole. They are git's own at the beginning of a line: "is
 * corrupt" in the complaint of some other program proves nothing.
 */
const damage: readonly RegExp[] = [
  /^missing (blob|tree|commit|tag) [0-9a-f]{40,64}$/m,
  /^broken link from /m,
  /^(error|fatal): .*\bis corrupt$/m,
  /^(error|fatal): (corrupt|garbage at end of) loose object /m,
  /^error: .*(object corrupt or missing|object file .* is empty|hash(-path)? mismatch|sha1 mismatch)/m,
  /^error: .*invalid (sha1|object id|hash) pointer /im,
  /^error: (invalid HEAD$|.*badRefContent|.*badHeadTarget|.*badPackedRefEntry)/m,
  /^error: .*(pack checksum mismatch|index CRC mismatch|does not match index$|\.idx is too small$)/m,
  /^fatal: unexpected line in .*packed-refs/m,
];

/** Whether fsck names damage of the repository in that folder; only where it says nothing that explains itself. */
export function namesDamage(said: string, dir: string): boolean {
  return damage.some((words) => words.test(withoutPlace(said, dir)));
}

/** Whether what git said is about the machine, the account or git itself. */
export function explainsItself(said: string, dir: string): boolean {
  return surroundings.some(({ words }) => words.test(withoutPlace(said, dir)));
}

/** The failure of a git as a sentence, with the next command to type where its words tell one. */
export function gitFailure(what: string, result: RunResult, dir: string): Unsuccessful {
  const told = describe(what, result);
  const next = nextOf(result, dir);
  return { kind: 'failed', because: next === null ? told : `${told}; type: ${next}` };
}

function nextOf(result: RunResult, dir: string): string | null {
  // Removed or moved since: the install looks for it once more.
  if (result.kind === 'not-started') return result.because.includes('ENOENT') ? './install.sh' : null;
  if (result.kind !== 'exited') return null;
  const said = withoutPlace(result.stderr, dir);
  return surroundings.find(({ words }) => words.test(said))?.next(dir) ?? null;
}

/** The same with a command in any case. */
export function withCommand(because: string, dir: string): string {
  return because.includes('; type: ') ? because : `${because}; type: git -C ${quoted(dir)} fsck`;
}

function describe(what: string, result: RunResult): string {
  switch (result.kind) {
    case 'exited':
      if (/no space left/i.test(result.stderr)) return `${what} failed: the disk is full`;
      return `${what} failed with exit code ${result.code}: ${oneLine(result.stderr)}`;
    case 'signaled':
      return `${what} was ended by ${result.signal}`;
    case 'timed-out':
      return `${what} did not finish within ${result.afterMs} ms`;
    case 'not-started':
      return `${what} could not be started: ${result.because}`;
    default:
      return result satisfies never;
  }
}

/** The folder's own name may hold any of these words. */
const withoutPlace = (said: string, dir: string): string => said.replaceAll(dir, '');

const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

const oneLine = (text: string): string =>
  text
    .trim()
    .replace(/\s*\n\s*/g, '; ')
    .slice(0, maxSaidChars);
