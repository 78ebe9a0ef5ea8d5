import { basename, join } from 'node:path';
import { renderCommand } from '../install/render.ts';
import type { LocalSnapshot } from './text.ts';

/** Where the things are that one may want out of a snapshot. */
export interface TimeMachinePlace {
  /** Of ours: the mount point and what is copied out lie below it. */
  readonly folder: string;
  /** Links resolved, for a snapshot knows no links of today; null where it is not known. */
  readonly configPath: string | null;
  readonly packageRoot: string | null;
  readonly version: string | null;
  /** Of the gateway's job. */
  readonly label: string;
  readonly uid: number;
}

/** One block of commands under a sentence that says what they do. */
export interface Block {
  readonly what: string;
  readonly commands: readonly string[];
}

/** Everything a person's files lie on; the system itself is another volume, and cannot be changed anyway. */
const dataVolume = '/System/Volumes/Data';

/** The commands, in the order in which they are typed. Every path is one word of sh. */
export function timeMachinePlan(snapshot: LocalSnapshot, place: TimeMachinePlace): readonly Block[] {
  const mountPoint = join(place.folder, 'mounted');
  const copies = join(place.folder, `from-${stampOf(snapshot)}`);
  return [
    {
      what: 'mount it, read-only (asks for the password of an administrator)',
      commands: [
        renderCommand(['mkdir', '-p', mountPoint, copies]),
        renderCommand(['chmod', '700', place.folder, mountPoint, copies]),
        renderCommand([
          ...['sudo', '/sbin/mount_apfs', '-o', 'rdonly,nobrowse', '-s', snapshot.name],
          ...[dataVolume, mountPoint],
        ]),
      ],
    },
    ...configBlock(place, { mountPoint, copies }),
    ...packageBlock(place, { mountPoint, copies }),
    {
      what: 'unmount it; what was copied stays',
      commands: [renderCommand(['sudo', '/sbin/umount', mountPoint])],
    },
  ];
}

interface Folders {
  readonly mountPoint: string;
  readonly copies: string;
}

function configBlock({ configPath }: TimeMachinePlace, { mountPoint, copies }: Folders): readonly Block[] {
  if (configPath === null) return [];
  const inside = insideOf(configPath, mountPoint);
  if (inside === null) return [elsewhere(configPath)];
  const copy = join(copies, basename(configPath));
  return [
    {
      what: 'the config: copy it out, look at what would change, and put it in place',
      commands: [
        renderCommand(['cp', '-p', inside, copy]),
        renderCommand(['immune', 'apply', '--dry-run', copy]),
        renderCommand(['immune', 'apply', copy]),
      ],
    },
    {
      what: 'where the watchdog does not run, the last of these instead',
      commands: [renderCommand(['immune', 'fix-config', '--from', copy])],
    },
  ];
}

function packageBlock(place: TimeMachinePlace, { mountPoint, copies }: Folders): readonly Block[] {
  const { packageRoot, version, label, uid } = place;
  if (packageRoot === null) return [];
  const inside = insideOf(packageRoot, mountPoint);
  if (inside === null) return [elsewhere(packageRoot)];
  const copy = join(copies, basename(packageRoot));
  const replaced = join(copies, 'replaced');
  const which = version === null ? 'the version you mean to run' : version;
  return [
    {
      what: `the package: copy it out; its version must be ${which}`,
      commands: [
        renderCommand(['cp', '-Rp', inside, copy]),
        renderCommand(['grep', '"version"', join(copy, 'package.json')]),
      ],
    },
    {
      what: 'then exchange it while the gateway is down, and compare it',
      commands: [
        'immune pause 30m',
        // Not by the package's own command, which may be what is broken.
        renderCommand(['/bin/launchctl', 'bootout', `gui/${uid}/${label}`]),
        renderCommand(['mv', packageRoot, replaced]),
        renderCommand(['mv', copy, packageRoot]),
        'immune fix-deps --dry-run',
        'immune restart',
        'immune resume',
      ],
    },
  ];
}

const elsewhere = (path: string): Block => ({
  what: `${path} lies on another disk, and this snapshot does not hold it`,
  commands: [],
});

/** `/Users/…` of the running system lies on the data volume, at the same path; null for another disk. */
export function insideOf(path: string, mountPoint: string): string | null {
  if (path === dataVolume || path.startsWith(`${dataVolume}/`))
    return join(mountPoint, path.slice(dataVolume.length));
  return path.startsWith('/Volumes/') ? null : join(mountPoint, path);
}

/** `2026-11-22-033000` */
const stampOf = ({ name }: LocalSnapshot): string => /\d{4}-\d{2}-\d{2}-\d{6}/.exec(name)?.[0] ?? 'snapshot';
