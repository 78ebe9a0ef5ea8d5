import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { Clock } from '../core/time.ts';
import { cleanEnvironment, type Run } from '../system/run.ts';
import { type NodeVersion, parseNodeVersion } from './node-range.ts';

/** What a program answers to `--version`. */
export type NodeAnswer =
  | { readonly kind: 'version'; readonly version: NodeVersion; readonly text: string }
  /** It cannot run here, or is no Node. */
  | { readonly kind: 'broken'; readonly because: string }
  | { readonly kind: 'unknown'; readonly because: string };

/** For what its native modules were built, told by itself. */
export interface NodeBuild {
  readonly version: string;
  /** `process.versions.modules`: a native module fits this one alone. */
  readonly abi: string;
  readonly platform: string;
  readonly arch: string;
}

type NodeBuildAnswer =
  | ({ readonly kind: 'build' } & NodeBuild)
  | { readonly kind: 'unknown'; readonly because: string };

export type AskNodeBuild = (path: string) => Promise<NodeBuildAnswer>;

export type AskNode = (path: string) => Promise<NodeAnswer>;

/** Node starts within 100 ms; a machine under full load has been seen to take seconds. */
const timeoutMs = 5_000;
/** What did not answer with a version is asked again after this long: the machine may have been short of something. */
const askAgainMs = 30_000;
/** Programs remembered: the job's Node, and those on its PATH. */
const maxKnown = 16;
/** As much of an error as a person can use. */
const maxWords = 160;

/** Asks each Node for its version once, and again when the file changes. One child process. */
export function createAskNode({ run, clock }: { readonly run: Run; readonly clock: Clock }): AskNode {
  const known = new Map<string, { readonly key: string; readonly at: number; readonly answer: NodeAnswer }>();
  return async (path) => {
    const file = statSync(path, { throwIfNoEntry: false });
    if (file === undefined) return { kind: 'broken', because: `there is no ${path}` };
    const key = `${file.ino} ${file.size} ${file.mtimeMs}`;
    const last = known.get(path);
    if (last?.key === key) {
      if (last.answer.kind === 'version' || clock.elapsed() - last.at < askAgainMs) return last.answer;
    }
    const found = await ask(path, run);
    // The stand-in of a version manager is a script that wants its own surroundings: that it fails here says nothing.
    const answer: NodeAnswer =
      found.kind === 'broken' && isScript(path) ? { ...found, kind: 'unknown' } : found;
    known.delete(path);
    known.set(path, { key, at: clock.elapsed(), answer });
    for (const oldest of known.keys()) if (known.size > maxKnown) known.delete(oldest);
    return answer;
  };
}

const buildWords = [
  'process.version',
  'process.versions.modules',
  'process.platform',
  'process.arch',
] as const;

/**
 * Asks each Node once for what its native modules are built for, and again when the file changes. It has to run a line
 * of code for that, which takes eight times as long as `--version`: whoever needs the version alone uses `createAskNode`.
 */
export function createAskNodeBuild({ run }: { readonly run: Run }): AskNodeBuild {
  const known = new Map<string, { readonly key: string; readonly answer: NodeBuildAnswer }>();
  return async (path) => {
    const file = statSync(path, { throwIfNoEntry: false });
    if (file === undefined) return { kind: 'unknown', because: `there is no ${path}` };
    const key = `${file.ino} ${file.size} ${file.mtimeMs}`;
    const last = known.get(path);
    if (last?.key === key) return last.answer;
    const answer = await askBuild(path, run);
    if (answer.kind !== 'build') return answer;
    known.delete(path);
    known.set(path, { key, answer });
    for (const oldest of known.keys()) if (known.size > maxKnown) known.delete(oldest);
    return answer;
  };
}

async function askBuild(path: string, run: Run): Promise<NodeBuildAnswer> {
  const args = ['-p', `[${buildWords.join(', ')}].join(' ')`];
  const result = await run({ file: path, args, timeoutMs, env: cleanEnvironment() });
  const told = result.kind === 'exited' && result.code === 0 ? result.stdout.trim() : '';
  const [, version, abi, platform, arch] = /^(v\d\S*) (\d+) (\w+) (\w+)$/.exec(told) ?? [];
  if (version === undefined || abi === undefined || platform === undefined || arch === undefined)
    return { kind: 'unknown', because: `${path} does not tell what its native modules are built for` };
  return { kind: 'build', version, abi, platform, arch };
}

function isScript(path: string): boolean {
  let file: number | null = null;
  try {
    file = openSync(path, 'r');
    const start = Buffer.alloc(2);
    readSync(file, start);
    return start.toString('latin1') === '#!';
  } catch {
    // To be executed is not to be read: a program nobody can look into is taken for one.
    return false;
  } finally {
    if (file !== null) closeSync(file);
  }
}

async function ask(path: string, run: Run): Promise<NodeAnswer> {
  // Not with the gateway's environment: NODE_OPTIONS could load foreign code into what only tells its version.
  const result = await run({ file: path, args: ['--version'], timeoutMs, env: cleanEnvironment() });
  switch (result.kind) {
    case 'exited': {
      const version = result.code === 0 ? parseNodeVersion(result.stdout) : null;
      if (version !== null) return { kind: 'version', version, text: result.stdout.trim() };
      // A nightly build or a release candidate: a Node, of which nobody promised anything.
      if (result.code === 0 && /^v\d+\./.test(result.stdout)) {
        return { kind: 'unknown', because: `${path} is Node ${result.stdout.trim().slice(0, maxWords)}` };
      }
      const words = (result.stderr.trim() || result.stdout.trim()).split('\n')[0] ?? '';
      const said = words === '' ? '' : `: ${words.slice(0, maxWords)}`;
      return {
        kind: 'broken',
        because: `${path} --version ends with ${result.code} and tells no version${said}`,
      };
    }
    case 'signaled':
      // SIGKILL may be the kernel short of memory; the others (SIGABRT of a missing library) are the program's own.
      return {
        kind: result.signal === 'SIGKILL' ? 'unknown' : 'broken',
        because: `${path} --version is ended by ${result.signal}`,
      };
    case 'timed-out':
      return { kind: 'unknown', because: `${path} --version gave no answer within ${result.afterMs} ms` };
    case 'not-started':
      // The two refusals that are about the file itself: no program, or one for another processor (on a Mac).
      return {
        kind: /ENOEXEC|system error -8[5-8]/.test(result.because) ? 'broken' : 'unknown',
        because: `${path} cannot be started: ${result.because.slice(0, maxWords)}`,
      };
    default:
      return result satisfies never;
  }
}
