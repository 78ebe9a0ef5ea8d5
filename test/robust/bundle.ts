import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const built = join(repository, 'dist', 'immune.mjs');

/** The bundle as it is shipped: a copy of what `npm run build` wrote if that is as new as the sources, else a fresh one. */
export function bundle(): { readonly path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'immune-bundle-'));
  const path = join(folder, 'immune.mjs');
  const sources = readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' });
  const newest = Math.max(...sources.map((name) => modified(join(repository, 'src', name))));
  // A copy, for somebody may build again while the tests run.
  if (modified(built) > newest) copyFileSync(built, path);
  else {
    const rolldown = join(repository, 'node_modules', 'rolldown', 'bin', 'cli.mjs');
    execFileSync(process.execPath, [rolldown, '-c', '--file', path], { cwd: repository, stdio: 'pipe' });
  }
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
