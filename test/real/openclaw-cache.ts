import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from './places.ts';

const execFileAsync = promisify(execFile);

/** npm downloads 150 MB and unpacks 30 000 files: half a minute on a quiet machine. */
const installTimeoutMs = 600_000;

/** A copy of our Node that outlives the checkout: plists and wrappers of cached homes name it. */
export function cachedNode(): string {
  const folder = join(cacheFolder(), `node-${process.versions.node}`, 'bin');
  const node = join(folder, 'node');
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    const partial = `${node}.${process.pid}`;
    copyFileSync(process.execPath, partial);
    renameSync(partial, node);
  }
  return node;
}

/** What a child of the harness sees: our Node first, the system, and what the machine needs to reach npm. */
export function testEnvironment(home: string, ...pathFirst: readonly string[]): Record<string, string> {
  const environment: Record<string, string> = {
    HOME: home,
    LANG: 'C.UTF-8',
    PATH: [
      ...pathFirst,
      dirname(cachedNode()),
      '/usr/local/bin',
      '/usr/bin',
      '/bin',
      '/usr/sbin',
      '/sbin',
    ].join(delimiter),
  };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && passedThrough.has(name.toLowerCase())) environment[name] = value;
  }
  return environment;
}

export const passedThrough: ReadonlySet<string> = new Set([
  'node_extra_ca_certs',
  'ssl_cert_file',
  'ssl_cert_dir',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'npm_config_registry',
  'npm_config_cafile',
]);

/** The npm prefix of this OpenClaw version, installed from npm when the cache has none. */
export async function installedOpenClaw(version: string): Promise<string> {
  const prefix = join(cacheFolder(), `openclaw-${version}`);
  if (isInstalled(prefix)) return prefix;
  const partial = `${prefix}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  console.log(`installing openclaw@${version} from npm into ${prefix}`);
  await execFileAsync(
    cachedNode(),
    [
      npmScript(),
      'install',
      '--global',
      '--prefix',
      partial,
      '--no-audit',
      '--no-fund',
      `openclaw@${version}`,
    ],
    {
      cwd: cacheFolder(),
      env: testEnvironment(cacheFolder()),
      timeout: installTimeoutMs,
      maxBuffer: 16 * 1_048_576,
    },
  );
  if (!isInstalled(partial)) throw new Error(`npm reported success but ${partial} has no OpenClaw in it`);
  try {
    renameSync(partial, prefix);
  } catch (error) {
    // Another run installed it meanwhile and may be running from it: then ours is the spare one.
    if (!isInstalled(prefix)) throw error;
    rmSync(partial, { recursive: true, force: true });
  }
  return prefix;
}

/**
 * What lets a gateway's Node reuse what it compiled before: a fifth of the processor time of a boot. In the prefix and
 * portable, so that a copy of the package brings its own.
 */
export const compileCache = (prefix: string): Readonly<Record<string, string>> => ({
  NODE_COMPILE_CACHE: join(prefix, 'compile-cache'),
  NODE_COMPILE_CACHE_PORTABLE: '1',
});

export const packageFolder = (prefix: string): string => join(prefix, 'lib', 'node_modules', 'openclaw');

const isInstalled = (prefix: string): boolean => existsSync(join(packageFolder(prefix), 'dist', 'index.js'));

/** npm's own script, so that it runs on our Node whatever its first line says. */
function npmScript(): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const npm = join(folder, 'npm');
    if (folder.includes('node_modules') || !existsSync(npm)) continue;
    const script = realpathSync(npm);
    if (script.endsWith('.js')) return script;
  }
  throw new Error('npm is not on PATH: the real tests install OpenClaw with it');
}

/**
 * A throw-away copy for scenarios that damage the package. Of hard links it is made in a second: remove or replace files in
 * it, never edit them, and the change time of each is everybody's. Of bytes it takes half a gigabyte.
 */
export async function copyOfOpenClaw(
  version: string,
  folder: string,
  of: 'links' | 'bytes' = 'links',
): Promise<string> {
  const prefix = await installedOpenClaw(version);
  await execFileAsync('cp', [of === 'links' ? '-al' : '-a', prefix, folder]);
  return folder;
}
