import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayPlace, ServiceJob } from './environment.ts';

interface LogPlaceInput {
  readonly place: Pick<GatewayPlace, 'label' | 'stateDir'>;
  /** The home of the gateway's user. */
  readonly home: string;
  /** What the plist says; null when there is none that can be read. */
  readonly job: Pick<ServiceJob, 'standardOutPath' | 'standardErrorPath'> | null;
}

/**
 * The console logs of a gateway, newest first: where its plist sends them, else where OpenClaw's installers put them.
 * The dated JSON log is not among them: all homes of a user share it and no line of it names its gateway, so that it
 * would tell of a neighbour's failure as of ours.
 */
export function logPlaces({ place, home, job }: LogPlaceInput): readonly string[] {
  const named = [job?.standardOutPath, job?.standardErrorPath]
    .filter((path) => path !== null && path !== undefined)
    .filter((path) => path.startsWith('/'));
  // 2026.6 sends its errors to /dev/null. One that sends everything there has no log, whatever an older one left behind.
  const paths = named.length > 0 ? named : usualPlaces(place, home);
  const files = [...new Set(paths)].filter((path) => !path.startsWith('/dev/'));
  return files.sort((one, other) => writtenAt(other) - writtenAt(one));
}

function usualPlaces({ label, stateDir }: LogPlaceInput['place'], home: string): readonly string[] {
  const profile = /^ai\.openclaw\.([\w-]+)$/.exec(label)?.[1] ?? 'gateway';
  const name = profile === 'gateway' ? 'gateway.log' : `gateway-${profile}.log`;
  return [
    join(home, 'Library', 'Logs', 'openclaw', name),
    // 2026.4 and older.
    join(stateDir, 'logs', 'gateway.log'),
    join(stateDir, 'logs', 'gateway.err.log'),
  ];
}

const writtenAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
