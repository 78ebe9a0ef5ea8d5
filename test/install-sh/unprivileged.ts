import { spawn } from 'node:child_process';
import { chownSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** "nobody", on Linux and macOS as far as numbers go; only used when the tests themselves run as root. */
const nobody = 65_534;

/** The user the installer is run as: this one, or somebody without rights when this one is root. */
export const user: { readonly uid: number; readonly gid: number } =
  process.getuid?.() === 0
    ? { uid: nobody, gid: nobody }
    : { uid: process.getuid?.() ?? 501, gid: process.getgid?.() ?? 20 };

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program as that user, with exactly this environment. */
export function runAs(
  as: { readonly uid: number; readonly gid: number },
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...as, env: { ...env }, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Gives a folder and all in it to that user. */
export function giveTo(as: { readonly uid: number; readonly gid: number }, path: string): void {
  if (process.getuid?.() !== 0) return;
  chownSync(path, as.uid, as.gid);
  for (const name of readdirSync(path)) {
    const each = join(path, name);
    const stat = lstatSync(each);
    if (stat.isDirectory()) giveTo(as, each);
    else if (!stat.isSymbolicLink()) chownSync(each, as.uid, as.gid);
  }
}
