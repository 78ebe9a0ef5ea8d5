import { realpathSync } from 'node:fs';
import { mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileFailure } from '../system/file-failure.ts';
import { createRedactor } from '../system/redact.ts';
import type { Run, RunResult } from '../system/run.ts';
import { type ConfigRecord, isRecord } from './config-file.ts';
import { isSecretVariable, textsOf, withoutValues } from './config-values.ts';
import type { Environment } from './env-file.ts';

export interface ConfigIssue {
  /** Keys joined by dots; `<root>` for the file as a whole. */
  readonly path: string;
  /** The validator's words without any value from the config, shortened. */
  readonly message: string;
}

export type ConfigOpinion =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly issues: readonly ConfigIssue[] }
  /** The validator is broken or late, which says nothing of the config. */
  | { readonly kind: 'unknown'; readonly because: string };

export interface ConfigToValidate {
  readonly run: Run;
  /** The gateway's Node and its package, absolute. */
  readonly node: string;
  readonly packageRoot: string;
  readonly env: Environment;
  readonly configPath: string;
  readonly stateDir: string;
  readonly timeoutMs: number;
  /** The config as we read it, so that its values can be taken out of the validator's messages. */
  readonly config: ConfigRecord;
  readonly signal?: AbortSignal;
}

/** What must be left beside the copies of the database. */
const spareBytes = 128 * 1_048_576;
const maxIssues = 20;
const maxMessageChars = 200;
/** Issues and warnings of one config; the schema itself is not printed. */
const maxOutputBytes = 1_048_576;
/** Waits of a tenth of a second and more for a file that appears while the folder is removed. */
const maxRemovals = 3;

/**
 * Asks the installed OpenClaw whether it would accept the config on disk. It does not ask for gateway.mode, and its
 * "valid" proves no dependency: without zod or ws it still answers (measured on 2026.9.6 and 2026.6.6).
 */
export async function validateConfig(request: ConfigToValidate): Promise<ConfigOpinion> {
  const room = await roomFor(request.stateDir);
  if (room !== null) return { kind: 'unknown', because: room };
  let cache: string;
  try {
    cache = await mkdtemp(join(tmpdir(), 'openclaw-validator-'));
  } catch (error) {
    return { kind: 'unknown', because: fileFailure('make a folder for the validator', error).because };
  }
  try {
    const result = await request.run({
      file: request.node,
      args: [join(request.packageRoot, 'openclaw.mjs'), 'config', 'validate', '--json'],
      timeoutMs: request.timeoutMs,
      env: validatorEnvironment(request, cache),
      // OpenClaw reads a .env where it stands, so it has to stand where the gateway's own one is.
      cwd: request.stateDir,
      maxBytes: maxOutputBytes,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    return opinionOf(result, request);
  } finally {
    await rm(cache, { recursive: true, force: true, maxRetries: maxRemovals }).catch(() => {
      // An orphaned child still writes there; it is a temporary folder, and the system's to clear.
    });
  }
}

/** 2026.9 copies its whole database to look into it: on a nearly full disk that would take the gateway's last space. */
async function roomFor(stateDir: string): Promise<string | null> {
  try {
    const database = join(stateDir, 'state', 'openclaw.sqlite');
    const sizes = await Promise.all(
      [database, `${database}-wal`].map(async (path) => (await stat(path).catch(() => null))?.size ?? 0),
    );
    const { bavail, bsize } = await statfs(tmpdir());
    const needed = 2 * sizes.reduce((sum, size) => sum + size, 0) + spareBytes;
    return bavail * bsize >= needed
      ? null
      : `there is too little room in ${tmpdir()} to run OpenClaw's validator`;
  } catch (error) {
    return fileFailure('look at the room for the validator', error).because;
  }
}

/** What tells OpenClaw that it is the service, or makes Node load what is not OpenClaw's. */
const stripped =
  /^(?:OPENCLAW_(?:SERVICE|LAUNCHD|SYSTEMD|WINDOWS_TASK|UPDATE)_.*|OPENCLAW_WRAPPER|XPC_.*|NODE_OPTIONS|NODE_PATH|NODE_V8_COVERAGE|LD_.*|DYLD_.*)$/;

/** The gateway's own variables, for the config may ask for any of them, without the service's. */
function validatorEnvironment(
  { node, env, configPath, stateDir }: ConfigToValidate,
  cache: string,
): Record<string, string> {
  const own = Object.entries(env).filter(([name]) => !stripped.test(name));
  const home = env['HOME'] ?? process.env['HOME'];
  return {
    LANG: 'C',
    LC_ALL: 'C',
    OPENCLAW_STATE_DIR: stateDir,
    ...(home === undefined ? {} : { HOME: home }),
    ...Object.fromEntries(own),
    PATH: `${dirname(node)}:/usr/bin:/bin:/usr/sbin:/sbin`,
    OPENCLAW_CONFIG_PATH: configPath,
    NO_COLOR: '1',
    // 2026.9 copies its database there to read it, and leaves the copy when it is killed.
    XDG_CACHE_HOME: cache,
    // Else it starts itself once more as a child, which would outlive a SIGKILL of the one we know.
    OPENCLAW_NO_RESPAWN: '1',
    // The same, where the service's environment has a NODE_COMPILE_CACHE.
    OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED: '1',
  };
}

const ownFailure =
  /^read failed:|Cannot find (?:package|module)\b|\b(?:ERR_)?MODULE_NOT_FOUND\b|\b(?:ENOSPC|EMFILE|ENFILE|EIO)\b/;

function opinionOf(result: RunResult, { config, configPath, env }: ConfigToValidate): ConfigOpinion {
  const unknown = (because: string): ConfigOpinion => ({ kind: 'unknown', because });
  switch (result.kind) {
    case 'not-started':
      return unknown(`OpenClaw's validator could not be started: ${result.because}`);
    case 'timed-out':
      return unknown(`OpenClaw's validator gave no answer within ${result.afterMs} ms`);
    case 'signaled':
      return unknown(`OpenClaw's validator was ended by ${result.signal}`);
    case 'exited':
      break;
    default:
      return result satisfies never;
  }
  const variables = Object.entries(env).filter(([name]) => isSecretVariable(name));
  const values = new Set([...textsOf(config), ...variables.map(([, value]) => value)]);
  const clean = (text: string, allowed: ReadonlySet<string> = new Set()): string =>
    createRedactor()
      .redact(withoutValues(text, values, allowed))
      .slice(0, maxMessageChars);
  const answer = parseAnswer(result.stdout);
  if (answer === null) {
    const lines = result.stderr.split('\n').filter((text) => text.trim() !== '');
    const line = lines.find((text) => /(?:Error|Reason)\b.*:/.test(text)) ?? lines[0] ?? '';
    const told = line === '' ? '' : `: ${clean(line.trim())}`;
    return unknown(`OpenClaw's validator ended with exit code ${result.code} without an answer${told}`);
  }
  if (typeof answer['path'] !== 'string' || !isSameFile(answer['path'], configPath))
    return unknown(`OpenClaw's validator looked at another file than ${configPath}`);
  if (answer['valid'] === true && result.code === 0) return { kind: 'valid' };
  const { issues } = answer;
  const found = Array.isArray(issues)
    ? issues.slice(0, maxIssues).flatMap((issue) => issueOf(issue, clean))
    : [];
  // It could not do its work, for want of a package or of the disk: that is no verdict on the config.
  const own = found.find(({ message }) => ownFailure.test(message));
  if (own !== undefined) return unknown(`OpenClaw's validator could not do its work: ${own.message}`);
  if (answer['valid'] === false && result.code === 1 && found.length > 0)
    return { kind: 'invalid', issues: found };
  return unknown(`OpenClaw's validator ended with exit code ${result.code} and no verdict`);
}

/** Plugins may print before it, so it begins at the first line that opens an object. */
function parseAnswer(stdout: string): ConfigRecord | null {
  const begin = stdout.search(/^\{/m);
  if (begin < 0) return null;
  try {
    const answer: unknown = JSON.parse(stdout.slice(begin));
    return isRecord(answer) && 'valid' in answer ? answer : null;
  } catch {
    // Cut off, or not its answer at all: there is no verdict in it.
    return null;
  }
}

function issueOf(
  issue: unknown,
  clean: (text: string, allowed: ReadonlySet<string>) => string,
): readonly ConfigIssue[] {
  if (!isRecord(issue)) return [];
  const { path, message, allowedValues } = issue;
  if (typeof message !== 'string') return [];
  const allowed = Array.isArray(allowedValues)
    ? allowedValues.filter((value) => typeof value === 'string')
    : [];
  const where = typeof path === 'string' && path !== '' ? path : '<root>';
  return [{ path: where.slice(0, maxMessageChars), message: clean(message, new Set(allowed)) }];
}

function isSameFile(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    // One of them is gone: then it was not this file that was judged, or it is not there any more.
    return false;
  }
}
