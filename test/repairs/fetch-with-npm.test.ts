import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { findNpm } from '../../src/gateway/package-managers.ts';
import { createNpmFetch, type NpmFetchParts } from '../../src/repairs/fetch-with-npm.ts';
import { run } from '../../src/system/run.ts';
import { digestOf, type Manifest, type ManifestEntry, type Unit } from '../../src/vault/manifest.ts';
import { packagePlanOf } from '../../src/vault/package-plans.ts';
import { workspace } from '../system/workspace.ts';

type Files = Readonly<Record<string, string>>;
interface Published {
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly tarball: Buffer;
}

/** A registry of our own: nothing leaves this machine. */
const registry = new Map<string, Map<string, Published>>();
const asked: string[] = [];
let hangs = false;
let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '').slice(1);
    asked.push(path);
    if (hangs) return;
    const [name, file] = path.split('/-/');
    const versions = registry.get(name ?? '');
    if (file !== undefined) {
      response.end(versions?.get(file.replace('.tgz', ''))?.tarball);
      return;
    }
    response.statusCode = versions === undefined ? 404 : 200;
    response.setHeader('content-type', 'application/json');
    const list = [...(versions ?? [])].map(([version, { manifest }]) => [version, manifest]);
    const latest = [...(versions?.keys() ?? [])].at(-1);
    response.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(list) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
afterEach(() => {
  hangs = false;
  server.closeAllConnections();
  registry.clear();
  asked.length = 0;
});

function publish(
  name: string,
  version: string,
  more: Readonly<Record<string, unknown>>,
  files: Files = {},
): Files {
  const folder = workspace();
  const manifest = { name, version, ...more };
  const all: Files = { 'package.json': JSON.stringify(manifest), ...files };
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, 'package', path)), { recursive: true });
    writeFileSync(join(folder, 'package', path), content);
  }
  const packed = spawnSync('tar', ['-czf', join(folder, 'package.tgz'), '-C', folder, 'package']);
  expect(packed.status).toBe(0);
  const tarball = readFileSync(join(folder, 'package.tgz'));
  const hash = (algorithm: string) => createHash(algorithm).update(tarball);
  const dist = {
    tarball: `${url}${name}/-/${version}.tgz`,
    shasum: hash('sha1').digest('hex'),
    integrity: `sha512-${hash('sha512').digest('base64')}`,
  };
  const versions = registry.get(name) ?? new Map<string, Published>();
  versions.set(version, { manifest: { ...manifest, dist }, tarball });
  registry.set(name, versions);
  return all;
}

/** As recorded: `node_modules/<name>` with these files. */
function unitOf(name: string, version: string, files: Files): Unit {
  const path = `node_modules/${name}`;
  const folders = Object.keys(files)
    .map((file) => dirname(file))
    .filter((folder) => folder !== '.');
  const entries: ManifestEntry[] = [
    { kind: 'directory', path, mode: 0o755 } as const,
    ...folders.map((folder) => ({ kind: 'directory', path: `${path}/${folder}`, mode: 0o755 }) as const),
    ...Object.entries(files).map(
      ([file, content]) =>
        ({
          kind: 'file',
          path: `${path}/${file}`,
          mode: 0o644,
          size: Buffer.byteLength(content),
          mtimeMs: 0,
          sha256: createHash('sha256').update(content).digest('hex'),
        }) as const,
    ),
  ];
  const digest = digestOf(entries);
  return { tree: 'openclaw', path, part: 'whole', package: { name, version }, digest, bytes: 1, entries };
}

function manifestOf(...units: Unit[]): Manifest {
  const head = {
    version: 1,
    openclaw: '2026.9.6',
    nodeAbi: '147',
    platform: 'linux',
    arch: 'x64',
    takenAt: instant(0),
    provenBy: instant(0),
    trees: [{ name: 'openclaw', root: '/opt/openclaw' }],
    databases: {},
  } as const;
  return { head, units };
}

/** A prefix with this very Node and the machine's npm: the Node of a checkout comes without one. */
function nodeWithNpm(): string {
  const nodes = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  const npm = [process.execPath, ...nodes].map(findNpm).find((found) => found !== null);
  if (npm === undefined || npm === null) throw new Error('this test needs an npm beside some node on PATH');
  const prefix = workspace();
  mkdirSync(join(prefix, 'bin'));
  mkdirSync(join(prefix, 'lib', 'node_modules'), { recursive: true });
  symlinkSync(process.execPath, join(prefix, 'bin', 'node'));
  symlinkSync(dirname(dirname(realpathSync(npm))), join(prefix, 'lib', 'node_modules', 'npm'));
  return join(prefix, 'bin', 'node');
}

let place: string;
let into: string;
let home: string;
const before = process.env['HOME'];
beforeEach(() => {
  place = workspace();
  into = join(place, 'staging');
  home = join(place, 'home');
  mkdirSync(into);
  mkdirSync(home);
  // Settings that would lead elsewhere, were they read.
  writeFileSync(join(home, '.npmrc'), 'registry=http://127.0.0.1:1/\nignore-scripts=false\n');
  process.env['HOME'] = home;
});
afterEach(() => {
  if (before === undefined) delete process.env['HOME'];
  else process.env['HOME'] = before;
});

const plan = packagePlanOf({
  kind: 'network',
  openclaw: '2026.9.6',
  root: '/opt/openclaw',
  archive: null,
  units: [],
  aside: null,
  link: null,
  bytes: 0,
  because: '',
});
function fetchInto(manifest: Manifest | null, more: Partial<NpmFetchParts> = {}, signal?: AbortSignal) {
  const node = nodeWithNpm();
  const fetch = createNpmFetch({ run, node: () => node, registry: url, ...more });
  return fetch({ plan, manifest, into, signal: signal ?? new AbortController().signal });
}

const wsFiles = { 'index.js': 'ws()', 'lib/a.js': 'a()' };
const marker = (): string => join(place, 'a-script-ran');
/** With scripts at every moment npm knows. */
function publishOpenclaw(more: Readonly<Record<string, unknown>> = {}, files: Files = {}): void {
  const script = `node -e "require('fs').writeFileSync('${marker()}', '')"`;
  const scripts = { preinstall: script, install: script, postinstall: script, prepare: script };
  publish(
    'openclaw',
    '2026.9.6',
    { bin: { openclaw: 'openclaw.mjs' }, dependencies: { ws: '^8.0.0' }, scripts, ...more },
    { 'openclaw.mjs': 'cli()', 'dist/index.js': 'start()', ...files },
  );
}

describe('npm', () => {
  test('brings the exact version into the staging folder alone, and runs none of its scripts', async () => {
    publish('openclaw', '2026.10.1', {}, { 'openclaw.mjs': 'newer' });
    const ws = publish('ws', '8.0.0', { scripts: { install: `touch ${marker()}` } }, wsFiles);
    publishOpenclaw();
    const found = await fetchInto(manifestOf(unitOf('ws', '8.0.0', ws)));
    const root = join(into, 'prefix', 'lib', 'node_modules', 'openclaw');
    expect(found).toEqual({ kind: 'fetched', roots: [root] });
    expect(readFileSync(join(root, 'openclaw.mjs'), 'utf8')).toBe('cli()');
    expect(existsSync(marker())).toBe(false);
    expect(readdirSync(place).sort()).toEqual(['home', 'staging']);
    expect(readdirSync(home)).toEqual(['.npmrc']);
  });

  test('is not believed: other bytes than recorded in one file are refused', async () => {
    const ws = publish('ws', '8.0.0', {}, wsFiles);
    publishOpenclaw();
    const recorded = unitOf('ws', '8.0.0', { ...ws, 'lib/a.js': 'b()' });
    expect(await fetchInto(manifestOf(recorded))).toEqual({
      kind: 'failed',
      because: expect.stringContaining('node_modules/ws/lib/a.js'),
    });
    // It was asked for once more, by itself.
    expect(existsSync(join(into, 'single-1', 'node_modules', 'ws'))).toBe(true);
  });

  test('is asked once more for a package that came in another version than recorded', async () => {
    const ws = publish('ws', '8.0.0', {}, wsFiles);
    publish('ws', '8.1.0', {}, { ...wsFiles, 'new.js': 'new()' });
    const zod = publish('@s/zod', '1.0.0', {}, { 'index.js': 'zod()' });
    publishOpenclaw({ dependencies: { ws: '^8.0.0', '@s/zod': '1' } });
    const found = await fetchInto(manifestOf(unitOf('@s/zod', '1.0.0', zod), unitOf('ws', '8.0.0', ws)));
    expect(found).toMatchObject({ kind: 'fetched', roots: [expect.anything(), join(into, 'single-1')] });
    expect(
      JSON.parse(readFileSync(join(into, 'single-1/node_modules/ws/package.json'), 'utf8')),
    ).toMatchObject({
      version: '8.0.0',
    });
  });

  test('says in words that there is no such version', async () => {
    publish('openclaw', '2026.10.1', {});
    const found = await fetchInto(manifestOf());
    expect(found).toMatchObject({ kind: 'failed', because: expect.stringContaining('openclaw@2026.9.6') });
    expect(found.kind === 'failed' && found.because).toMatch(/ETARGET|No matching version/);
    expect(found.kind === 'failed' && found.because).not.toContain(into);
  });

  test('is ended when the registry gives no answer in time', async () => {
    hangs = true;
    expect(await fetchInto(manifestOf(), { timeoutMs: 3_000 })).toEqual({
      kind: 'failed',
      because: 'npm did not fetch openclaw@2026.9.6 within 3000 ms',
    });
  });

  test('is ended with the repair it works for', async () => {
    hangs = true;
    const end = new AbortController();
    const found = fetchInto(manifestOf(), {}, end.signal);
    const deadline = Date.now() + 30_000;
    while (asked.length === 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    end.abort();
    expect(await found).toMatchObject({ kind: 'failed', because: expect.stringContaining('deadline') });
    expect(await fetchInto(manifestOf(), {}, end.signal)).toMatchObject({ kind: 'failed' });
  });

  test('is not another one than the one beside the Node of the gateway', async () => {
    const none = { kind: 'failed', because: "there is no npm beside the gateway's Node" };
    expect(await fetchInto(null, { node: () => join(place, 'bin', 'node') })).toEqual(none);
    expect(await fetchInto(null, { node: () => null })).toEqual(none);
  });
});

describe('with nothing recorded', () => {
  test('the peers that npm leaves out are brought in a second step, in the versions that the package names', async () => {
    publish('ws', '8.0.0', {}, wsFiles);
    publish('dep', '1.0.0', {}, { 'index.js': 'dep()' });
    publish('grammy', '1.42.0', { dependencies: { dep: '1' } }, { 'index.js': 'grammy()' });
    publish('grammy', '2.0.0', {});
    publish('@buape/carbon', '0.1.0', {}, { 'index.js': 'carbon()' });
    publishOpenclaw(
      { devDependencies: { '@buape/carbon': '0.1.0' } },
      {
        'dist/extensions/telegram/package.json': JSON.stringify({ dependencies: { grammy: '^1.42.0' } }),
        'dist/extensions/feishu/package.json': JSON.stringify({
          dependencies: { '@larksuiteoapi/node-sdk': 'https://example.org/evil.tgz' },
        }),
      },
    );
    const found = await fetchInto(null);
    const root = join(into, 'prefix', 'lib', 'node_modules', 'openclaw');
    expect(found).toEqual({ kind: 'fetched', roots: [root] });
    const versionOf = (name: string): unknown =>
      JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
    expect([versionOf('grammy'), versionOf('@buape/carbon')]).toEqual(['1.42.0', '0.1.0']);
    // With all that it needs.
    expect(existsSync(join(root, 'node_modules', 'grammy', 'node_modules', 'dep', 'index.js'))).toBe(true);
    // What is no version is never handed to npm.
    expect(existsSync(join(root, 'node_modules', '@larksuiteoapi'))).toBe(false);
  });

  test('those that came with it are left as they came', async () => {
    publish('ws', '8.0.0', {}, wsFiles);
    publish('grammy', '1.46.0', {}, { 'index.js': 'grammy()' });
    publishOpenclaw({ dependencies: { ws: '^8.0.0', grammy: '1.46.0' } });
    expect((await fetchInto(null)).kind).toBe('fetched');
    expect(existsSync(join(into, 'prefix', 'peers'))).toBe(false);
  });
});
