import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson } from '../gateway/file-look.ts';
import { findNpm } from '../gateway/package-managers.ts';
import { fileFailure } from '../system/file-failure.ts';
import { createRedactor } from '../system/redact.ts';
import { cleanEnvironment, type Run } from '../system/run.ts';
import type { Unit } from '../vault/manifest.ts';
import { differenceIn } from './fetched-units.ts';
import type { Fetch, Fetched } from './package-ground.ts';

export interface NpmFetchParts {
  readonly run: Run;
  /** The gateway's own Node, which runs the npm beside it; null when it is not known. */
  readonly node: () => string | null;
  /** Other than npm's own default. */
  readonly registry?: string;
  /** Of one call of npm. */
  readonly timeoutMs?: number;
}

/** An install into a warm cache took half a minute, on a slow line and a loaded machine two. */
const installMs = 600_000;
/** Packages that the first install brought otherwise than recorded: more are another tree, and no few packages. */
const maxSingles = 20;
/** Of npm's own words: a person reads them. */
const maxWords = 200;
/** Left out by versions of npm that take peers away; the gateway's channels need them. */
const lostPeers = ['grammy', '@buape/carbon', '@larksuiteoapi/node-sdk'];
const maxExtensions = 500;

type Failure = Extract<Fetched, { readonly kind: 'failed' }>;
const failed = (because: string): Failure => ({ kind: 'failed', because });

/**
 * Brings a package from the registry into a staging folder, without running any of its scripts, and changes nothing
 * outside of that folder: npm's prefix, cache, home, settings and temporary files all lie in it. Only the exact version
 * is asked for; what came otherwise than recorded is asked for once more by itself.
 */
export function createNpmFetch(parts: NpmFetchParts): Fetch {
  return async ({ plan, manifest, into, signal }) => {
    const node = parts.node();
    const npm = node === null ? null : findNpm(node);
    if (node === null || npm === null) return failed("there is no npm beside the gateway's Node");
    try {
      const install = await npmIn(into, { ...parts, node, npm, signal });
      const prefix = join(into, 'prefix');
      const main = await install(['--global', '--prefix', prefix], `openclaw@${plan.openclaw}`);
      if (main !== null) return main;
      const root = join(prefix, 'lib', 'node_modules', 'openclaw');
      if (manifest !== null) return await completed(root, { units: manifest.units, into, install, signal });
      const peers = await bringPeers(root, { prefix, install });
      return peers ?? { kind: 'fetched', roots: [root] };
    } catch (error) {
      return fileFailure(`fetch OpenClaw ${plan.openclaw} into ${into}`, error);
    }
  };
}

/** Null when it was installed. */
type Install = (how: readonly string[], what: string) => Promise<Failure | null>;

async function npmIn(
  into: string,
  of: Omit<NpmFetchParts, 'node'> & {
    readonly node: string;
    readonly npm: string;
    readonly signal: AbortSignal;
  },
): Promise<Install> {
  const { run, node, npm, signal, registry, timeoutMs = installMs } = of;
  const [home, cache, temporary] = ['home', 'cache', 'tmp'].map((name) => join(into, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [home, cache, temporary]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const env = {
    ...cleanEnvironment(),
    HOME: home,
    TMPDIR: temporary,
    npm_config_cache: cache,
    // Settings of this user and this machine may name scripts to run, other prefixes, and other registries.
    npm_config_userconfig: join(home, 'user.npmrc'),
    npm_config_globalconfig: join(home, 'global.npmrc'),
    npm_config_update_notifier: 'false',
  };
  return async (how, what) => {
    if (signal.aborted) return failed('its deadline passed before anything was fetched');
    const args = [
      npm,
      'install',
      ...how,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--fetch-retries=1',
      ...(registry === undefined ? [] : [`--registry=${registry}`]),
      '--',
      what,
    ];
    const result = await run({ file: node, args, timeoutMs, env, cwd: home, signal });
    if (signal.aborted) return failed(`its deadline passed while npm fetched ${what}`);
    switch (result.kind) {
      case 'exited':
        return result.code === 0 ? null : failed(`npm could not fetch ${what}: ${wordsOf(result.stderr)}`);
      case 'signaled':
        return failed(`npm was ended by ${result.signal} as it fetched ${what}`);
      case 'timed-out':
        return failed(`npm did not fetch ${what} within ${result.afterMs} ms`);
      case 'not-started':
        return failed(`npm could not be started: ${result.because}`);
      default:
        return result satisfies never;
    }
  };
}

/** The first lines that say something, without npm's own prefix and without what a URL may hold. */
function wordsOf(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^npm (?:error|ERR!)\s*/, '').trim())
    .filter((line) => line !== '' && !/^A complete log of this run|^\/|_logs\//.test(line));
  const words = createRedactor().redact(lines.slice(0, 3).join('; '));
  return words === '' ? 'it gave no reason' : words.slice(0, maxWords);
}

/** Asks once more, and by itself, for each package that came otherwise than recorded. */
async function completed(
  root: string,
  of: {
    readonly units: readonly Unit[];
    readonly into: string;
    readonly install: Install;
    readonly signal: AbortSignal;
  },
): Promise<Fetched> {
  const { units, into, install, signal } = of;
  const roots = [root];
  for (const unit of units) {
    const differs = await differenceIn(root, unit, signal);
    if (differs === null) continue;
    const name = installable(unit);
    if (name === null || roots.length > maxSingles) return failed(differs);
    const single = join(into, `single-${roots.length}`);
    await mkdir(single, { mode: 0o700 });
    const asked = await install(['--prefix', single, '--no-save', '--legacy-peer-deps'], name);
    if (asked !== null) return asked;
    const still = await differenceIn(single, unit, signal);
    if (still !== null) return failed(still);
    roots.push(single);
  }
  return { kind: 'fetched', roots };
}

/** `name@version` of a unit that is one whole package; null for what is no package by itself, or bears another name. */
function installable({ path, part, package: pack }: Unit): string | null {
  if (pack === null || part !== 'whole' || path !== `node_modules/${pack.name}`) return null;
  return isExact(pack.version) ? `${pack.name}@${pack.version}` : null;
}

const isExact = (version: string): boolean => /^\d+\.\d+\.\d+[0-9A-Za-z.+-]*$/.test(version);

/**
 * The second step for what npm leaves out: each lost peer is installed beside the package, with all that it needs in its
 * own folder, and moved to where the package looks first.
 */
async function bringPeers(
  root: string,
  { prefix, install }: { readonly prefix: string; readonly install: Install },
): Promise<Failure | null> {
  const ranges = await rangesOf(root);
  for (const name of lostPeers) {
    const range = ranges.get(name);
    const place = join(root, 'node_modules', name);
    if (range === undefined || (await readJson(join(place, 'package.json'))).kind === 'value') continue;
    const peers = join(prefix, 'peers');
    const asked = await install(['--global', '--prefix', peers], `${name}@${range}`);
    if (asked !== null) return asked;
    await mkdir(join(place, '..'), { recursive: true });
    await rm(place, { recursive: true, force: true });
    await rename(join(peers, 'lib', 'node_modules', name), place);
  }
  return null;
}

/** Which versions the package itself, or a plugin that comes with it, says it works with. */
async function rangesOf(root: string): Promise<ReadonlyMap<string, string>> {
  const extensions = join(root, 'dist', 'extensions');
  const plugins = (await readdir(extensions).catch(() => [])).sort().slice(0, maxExtensions);
  const ranges = new Map<string, string>();
  for (const folder of [root, ...plugins.map((name) => join(extensions, name))]) {
    const manifest = await readJson(join(folder, 'package.json'));
    const fields = asRecord(manifest.kind === 'value' ? manifest.value : null);
    for (const list of ['dependencies', 'peerDependencies', 'devDependencies']) {
      const named = asRecord(fields[list]);
      for (const name of lostPeers) {
        const range = named[name];
        if (typeof range === 'string' && isRange(range) && !ranges.has(name)) ranges.set(name, range);
      }
    }
  }
  return ranges;
}

/** Of versions, and nothing that npm would take for a place to fetch from. */
const isRange = (range: string): boolean =>
  /^[\^~<>=]{0,2}\s?\d+(?:\.\d+|\.x){0,2}[0-9A-Za-z.+-]*$/.test(range);

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
