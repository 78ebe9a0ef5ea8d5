import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Tools the product and its tests call, and the Debian package that brings each. */
const packages: readonly (readonly [string, string])[] = [
  ['lsof', 'lsof'],
  ['git', 'git'],
  ['tar', 'tar'],
  ['ps', 'procps'],
  ['netstat', 'net-tools'],
  ['shellcheck', 'shellcheck'],
  ['openssl', 'openssl'],
  ['ip', 'iproute2'],
  ['zstd', 'zstd'],
  ['bsdtar', 'libarchive-tools'],
];
const folders = ['/usr/local/bin', '/bin', '/usr/bin', '/sbin', '/usr/sbin'];

/**
 * Installs what is missing with apt-get: only root can, and a clean container may lack some. Elsewhere the tests that
 * need a tool say that they are skipped, and why.
 */
export default function installSystemTools(): void {
  const missing = packages.filter(([tool]) => !folders.some((folder) => existsSync(join(folder, tool))));
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const names = missing.map(([, name]) => name);
  console.log(`installing ${names.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    execFileSync('/usr/bin/apt-get', ['update', '-q'], { stdio: 'ignore', env });
    execFileSync('/usr/bin/apt-get', ['install', '-q', '-y', '--no-install-recommends', ...names], {
      stdio: 'ignore',
      env,
    });
  } catch (error) {
    // Without a network the tests still run; each that needs the tool is counted as skipped.
    console.log(`could not install ${names.join(', ')}: ${String(error)}`);
  }
}
