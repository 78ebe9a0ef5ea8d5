import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type FileSystem = 'ext4' | 'xfs';

/** xfs makes none below 300 MB; the images are sparse. */
const size: Readonly<Record<FileSystem, string>> = { ext4: '96M', xfs: '320M' };
const folders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

function call(name: string, ...args: readonly string[]): void {
  const path = folders.map((folder) => join(folder, name)).find((each) => existsSync(each));
  if (path === undefined) throw new Error(`there is no ${name} on this machine`);
  execFileSync(path, [...args], { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
}

/** A file system in a file: what is in the file is what a power cut would leave. */
export interface Disk {
  readonly root: string;
  /** All that was written so far is on the disk. */
  settle(): void;
  /** The disk as it would be found after a power cut at this moment, mounted again. */
  cut(): { readonly root: string; close(): void };
  close(): void;
}

export function makeDisk(kind: FileSystem): Disk {
  const folder = mkdtempSync(join(tmpdir(), 'immune-mount-'));
  const image = join(folder, 'disk.img');
  const root = join(folder, 'disk');
  let cuts = 0;
  try {
    mkdirSync(root);
    call('truncate', '-s', size[kind], image);
    call(`mkfs.${kind}`, '-q', kind === 'ext4' ? '-F' : '-f', image);
    call('mount', '-o', 'loop', image, root);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    root,
    settle: () => call('sync', '-f', root),
    cut: () => {
      cuts += 1;
      const copy = join(folder, `cut-${cuts}.img`);
      const place = join(folder, `cut-${cuts}`);
      call('cp', '--sparse=always', image, copy);
      mkdirSync(place);
      // Two xfs of one identity cannot be mounted at once without being told.
      call('mount', '-o', kind === 'xfs' ? 'loop,nouuid' : 'loop', copy, place);
      return {
        root: place,
        close: () => {
          call('umount', place);
          rmSync(copy);
        },
      };
    },
    close: () => {
      call('umount', root);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Why no file system of this kind can be mounted here; null when one can. */
export function unmountable(kind: FileSystem): string | null {
  if (process.platform !== 'linux') return 'loop mounts are a matter of Linux';
  if (process.getuid?.() !== 0) return 'only root can mount a file system';
  try {
    makeDisk(kind).close();
    return null;
  } catch (error) {
    return `no ${kind} can be mounted here: ${error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error)}`;
  }
}
