import { homedir } from 'node:os';
import type { Settings } from '../config/settings.ts';
import { readGatewayConfig } from '../gateway/config-file.ts';
import { commandOf, readGatewayEnvironment } from '../gateway/environment.ts';
import { nodeOfJob } from '../gateway/launch.ts';
import { readPackage, rootOfEntry } from '../gateway/package.ts';
import { gatewayFiles } from '../gateway/places.ts';
import { readText } from '../gateway/read-text.ts';
import type { GatewayFiles } from '../probes/eyes.ts';
import type { LinkInputs } from '../probes/gateway-link.ts';
import type { GroundPlace } from '../probes/ground-sights.ts';
import { parsePlist } from '../system/launchd/plist.ts';

/** What can be known of the gateway from its files alone, running or not. */
export interface GatewaySight {
  readonly files: GatewayFiles;
  readonly inputs: LinkInputs;
  readonly ground: GroundPlace;
  readonly version: string | null;
}

/** Reads plist, environment, config and package anew; where a file is gone, what the installer recorded stands in. */
export function sightGateway(settings: Settings, uid: number): GatewaySight {
  const { label, plist, stateDir, configPath, packageRoot } = settings.gateway;
  const place = { label, plist, stateDir, configPath };
  const { env, programArguments, job } = readGatewayEnvironment(place, {
    readText,
    parsePlist: parseAnew,
  });
  const files = gatewayFiles(place, { uid, tmpDir: env['TMPDIR'] ?? null });
  // An update may have moved the package: the plist knows better than what was recorded at install.
  const entry = commandOf(programArguments).find((word) => rootOfEntry(word) !== null);
  const root = (entry === undefined ? null : rootOfEntry(entry)) ?? packageRoot;
  const installed = root === null ? null : readPackage(root);
  const config = readGatewayConfig(configPath, env);
  return {
    files: { ...files, stateDir, packageRoot: installed?.root ?? null, version: installed?.version ?? null },
    inputs: { config, env, programArguments },
    ground: {
      label,
      stateDir,
      configPath,
      config: config.kind === 'ok' ? config.config : null,
      env,
      home: env['HOME'] ?? homedir(),
      programArguments,
      job,
      node: nodeOfJob(programArguments, env) ?? settings.gateway.nodePath,
      packageRoot: root,
      version: installed?.version ?? settings.gateway.version,
      prefix: installed?.prefix ?? settings.gateway.prefix,
      profile: settings.gateway.profile,
      lockFiles: files.lockFiles,
      sqlite: files.sqlite,
    },
    version: installed?.version ?? null,
  };
}

/** Read at each close look, changed by an update of OpenClaw at most, and XML is dear to parse. */
let lastPlist: { readonly text: string; readonly parsed: ReturnType<typeof parsePlist> } | null = null;

function parseAnew(text: string): ReturnType<typeof parsePlist> {
  if (lastPlist?.text !== text) lastPlist = { text, parsed: parsePlist(text) };
  return lastPlist.parsed;
}
