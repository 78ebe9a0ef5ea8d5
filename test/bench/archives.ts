// What archives cost against the tools that could make them, on the real package, in one run.
//   node test/bench/archives.ts
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { commandOf } from '../../src/cli/install/names.ts';
import { atMost, load, machine, renderSection, row, type Section } from './figures.ts';

/** Several times the slowest step on a busy machine. */
const stepTimeoutMs = 300_000;
const version = '2026.9.6';

interface Cost {
  readonly what: string;
  readonly seconds: number;
  readonly cpu: number;
  readonly rss: number | null;
}

const cachedRoot = (home: string): string =>
  join(home, '.cache', 'openclaw-immune', `openclaw-${version}`, 'lib', 'node_modules', 'openclaw');

export async function measureArchives(): Promise<Section | null> {
  const home = process.getuid?.() === 0 ? '/home/immune-test' : homedir();
  if (!existsSync(cachedRoot(home))) return null;
  const root = realpathSync(cachedRoot(home));
  const scratch = mkdtempSync(join(tmpdir(), 'immune-bench-archives-'));
  try {
    return await measureIn(scratch, root);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function measureIn(scratch: string, root: string): Promise<Section> {
  const place = (name: string): string => join(scratch, name);
  const archives = place('archives');
  const bundle = await rolldown({ input: join(import.meta.dirname, 'archive-child.ts'), platform: 'node' });
  await bundle.write({ file: place('child.mjs'), format: 'esm' });
  await bundle.close();
  const { flags } = commandOf('archive');
  const ours = (step: string, into = ''): readonly Cost[] => {
    const argv = [...flags, place('child.mjs'), step, archives, root, into];
    const told = execFileSync(process.execPath, argv, { encoding: 'utf8', timeout: stepTimeoutMs });
    return told
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Cost);
  };
  const at = [dirname(root), 'openclaw'] as const;
  const npmTar = findNpmTar(place('npm-tar'));
  const clean = (name: string): string => {
    rmSync(place(name), { recursive: true, force: true });
    mkdirSync(place(name));
    return place(name);
  };
  // Read once, so that the first one measured does not pay for the disk.
  shell('warm up', ['tar -cf - -C "$1" "$2" | cat > /dev/null', ...at]);

  const [reading, verifying] = ours('create');
  const gz = shell('tar + gzip', ['tar -C "$1" -czf "$3" "$2"', ...at, place('t.gz')]);
  const zst = shell('tar + zstd -3 -T0', [
    'tar -C "$1" -cf - "$2" | zstd -q -3 -T0 -o "$3"',
    ...at,
    place('t.zst'),
  ]);
  const npm = npmTar === null ? null : packWithNpm(npmTar, [...at, place('n.gz')]);
  const copy = shell('cp -a', ['cp -a "$1/$2" "$3"', ...at, place('copy')]);
  rmSync(place('copy'), { recursive: true, force: true });
  const [unchanged] = ours('unchanged');
  const [verify] = ours('verify');
  const quick = ours('quick')[0];
  const full = ours('full')[0];
  const one = ours('package', place('ws'))[0];
  const only = 'openclaw/node_modules/ws';
  const gzOne = shell('tar + gzip', ['tar -C "$1" -xzf "$2" "$3"', clean('x'), place('t.gz'), only]);
  const zstOne = shell('tar + zstd', [
    'zstd -q -dc "$2" | tar -C "$1" -xf - "$3"',
    clean('x'),
    place('t.zst'),
    only,
  ]);
  const tree = ours('tree', place('restored'))[0];
  rmSync(place('restored'), { recursive: true, force: true });
  const gzTree = shell('tar + gzip', ['tar -C "$1" -xzf "$2"', clean('x'), place('t.gz')]);
  const zstTree = shell('tar + zstd', ['zstd -q -dc "$2" | tar -C "$1" -xf -', clean('x'), place('t.zst')]);
  const copyAgain = shell('cp -a', ['cp -a "$1/$2" "$3"', ...at, place('copy')]);

  const against = (mine: Cost | undefined, others: readonly (Cost | null)[]): string =>
    others
      .filter((other) => other !== null)
      .map((other) => `${other.what} ${told(other)}, ${((mine?.seconds ?? 0) / other.seconds).toFixed(2)} ×`)
      .join('; ');
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`;
  const sizes = [
    `units ${megabytes(sizeOf(join(archives, 'units')))}`,
    `tar.gz ${megabytes(statSync(place('t.gz')).size)}`,
    `tar.zst ${megabytes(statSync(place('t.zst')).size)}`,
  ];
  return {
    title: 'Archives',
    method: [
      `OpenClaw ${version} as npm installs it, read only; everything once, in one run, with the files in the page cache. Wall`,
      'seconds, then processor seconds, then the largest memory; ratios are wall, ours to the other. Ours in a process of its own',
      `for each step, bundled, with the options of the archive job. ${npmTar === null ? 'npm’s tar package was not to be had.' : ''}`,
    ],
    rows: [
      row(
        'creating: reading, hashing, storing durably',
        told(reading),
        atMost(reading?.cpu ?? 0, 5, 'CPU-s'),
      ),
      row('its memory', megabytes(reading?.rss ?? 0), atMost((reading?.rss ?? 0) / 1_000_000, 110, 'MB')),
      row('creating against', against(reading, [gz, zst, npm, copy])),
      row('its verification: every unit restored, compared, removed', told(verifying)),
      row('unchanged, with no new byte', told(unchanged), atMost(unchanged?.seconds ?? 0, 0.5, 's')),
      row('verifying in memory', told(verify)),
      row('restoring `ws`', told(one), atMost(one?.seconds ?? 0, 0.1, 's')),
      row('restoring `ws` against', against(one, [gzOne, zstOne])),
      row('restoring the tree, all hashes compared', told(tree)),
      row('restoring the tree against', against(tree, [gzTree, zstTree, copyAgain])),
      row('quick check', told(quick), atMost(quick?.seconds ?? 0, 0.4, 's')),
      row('full check', told(full), atMost(full?.seconds ?? 0, 1.5, 's')),
      row('size', sizes.join(', ')),
    ],
  };
}

const told = (cost: Cost | undefined): string => {
  if (cost === undefined) return 'not measured';
  const memory = cost.rss === null ? '' : `, ${Math.round(cost.rss / 1_000_000)} MB`;
  return `${cost.seconds.toFixed(2)} s (${cost.cpu.toFixed(2)} CPU-s${memory})`;
};

/** The shell itself tells what its children used; nothing of a path is read as a command. */
function shell(what: string, [script = '', ...args]: readonly string[]): Cost {
  const began = performance.now();
  const argv = ['-c', `set -e; ${script}; times`, 'bench', ...args];
  const text = execFileSync('/bin/sh', argv, { encoding: 'utf8', timeout: stepTimeoutMs });
  const seconds = (performance.now() - began) / 1_000;
  const children = text.trim().split('\n').at(-1) ?? '';
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  );
  return { what, seconds, cpu, rss: null };
}

/** npm's own `tar` package, out of a scratch folder. */
function findNpmTar(folder: string): string | null {
  mkdirSync(folder);
  try {
    const argv = [
      'install',
      '--prefix',
      folder,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--silent',
      'tar@7',
    ];
    execFileSync('npm', argv, { stdio: 'ignore', timeout: 60_000, cwd: folder });
    return join(folder, 'node_modules', 'tar');
  } catch {
    // Without npm or a network that one row is missing, and the method says so.
    return null;
  }
}

const packScript = `
const { create } = await import(process.argv[1]);
const [cwd, name, file] = process.argv.slice(2);
await create({ cwd, file, gzip: { level: 6 } }, [name]);
`;

function packWithNpm(tar: string, args: readonly string[]): Cost {
  const entry = readdirSync(join(tar, 'dist', 'esm')).includes('index.min.js') ? 'index.min.js' : 'index.js';
  const url = pathToFileURL(join(tar, 'dist', 'esm', entry)).href;
  const script = '"$1" --input-type=module -e "$2" "$3" "$4" "$5" "$6"';
  return shell('npm’s tar + gzip', [script, process.execPath, packScript, url, ...args]);
}

const sizeOf = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${new Date().toISOString()}, ${machine()}, load average ${load()}\n`);
  const section = await measureArchives();
  console.log(section === null ? `SKIPPED: OpenClaw ${version} is not in the cache` : renderSection(section));
  console.log(`${new Date().toISOString()}, load average ${load()}`);
}
