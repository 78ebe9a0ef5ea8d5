import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { commandAfterEnv } from '../../gateway/env-wrapper.ts';
import { readText } from '../../gateway/read-text.ts';
import { wrapperIn } from '../../gateway/safe-start-hook.ts';
import { parsePlist } from '../../system/launchd/plist.ts';

/** LaunchAgents that are looked into: a folder of thousands is not a person's. */
const maxPlists = 200;

/** LaunchAgents beside the gateway's own that are started through our wrapper: it is needed while there is one. */
export function otherJobs({
  plist,
  directory,
}: {
  readonly plist: string;
  readonly directory: string;
}): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(dirname(plist));
  } catch {
    // Without the folder there is no LaunchAgent at all.
    return [];
  }
  const others = names.filter((name) => name.endsWith('.plist') && name !== basename(plist));
  return others
    .slice(0, maxPlists)
    .map((name) => join(dirname(plist), name))
    .filter((path) => {
      const parsed = parsePlist(readText(path) ?? '');
      return parsed.kind === 'ok' && commandAfterEnv(parsed.job.programArguments)[0] === wrapperIn(directory);
    });
}
