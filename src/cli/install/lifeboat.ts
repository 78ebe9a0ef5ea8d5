import { dirname, join } from 'node:path';
import type { Settings } from '../../config/settings.ts';
import { defaultPolicy } from '../../core/policy.ts';
import {
  gatewayFacts,
  type LifeboatFacts,
  lifeboatFactsIn,
  parseFacts,
  renderFacts,
} from '../../daemon/lifeboat-facts.ts';
import { readIfExists } from '../../system/durable-file.ts';
import type { Ground, InstallerDeps } from './context.ts';
import type { GatewayReport } from './gateway.ts';
import { labelOf } from './names.ts';
import { runtimeOf, type Source } from './target.ts';

/** A hundred times the file that is written. */
const maxBytes = 65_536;

/**
 * The text of `lifeboat.conf`. What an earlier one says of the gateway stays, for the daemon keeps that true, and a second
 * installation must find nothing to change; what it says of our own files is written anew.
 */
export async function factsFor(about: {
  readonly ground: Ground;
  readonly gateway: GatewayReport;
  readonly settings: Settings | null;
  readonly deps: Pick<InstallerDeps, 'uid' | 'node'>;
  readonly source: Source;
}): Promise<string> {
  const { ground, gateway, settings } = about;
  const read = await readIfExists(lifeboatFactsIn(ground.paths), maxBytes);
  const former = read.kind === 'read' ? parseFacts(read.bytes.toString('utf8')) : {};
  const { installation, endpoint, surroundings } = gateway;
  const { label, configPath, plist, packageRoot, version } = installation;
  const found = gatewayFacts({
    gateway: {
      label,
      configPath,
      plist: plist ?? join(ground.home, 'Library', 'LaunchAgents', `${label}.plist`),
    },
    packageRoot,
    version,
    programArguments: surroundings.programArguments,
    job: surroundings.job,
    endpoint,
    bootGraceMs: (settings?.policy ?? defaultPolicy).bootGraceMs,
  });
  return renderFacts({ ...found, ...former, ...ourFacts(about) });
}

function ourFacts({ ground: { paths, tools }, deps, source }: Parameters<typeof factsFor>[0]): LifeboatFacts {
  const folder = dirname(dirname(source.template));
  return {
    uid: String(deps.uid),
    data: paths.data,
    ...runtimeOf(paths, deps.node.version),
    watchdog: labelOf('watchdog'),
    launchctl: tools.launchctl,
    git: tools.git,
    lsof: tools.lsof,
    // An installed copy that installs itself again knows of no checkout, and the former one may still be there.
    ...(folder === paths.app ? {} : { checkout: folder }),
  };
}
