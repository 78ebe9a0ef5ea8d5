import type { Answer } from './link.ts';

/** launchctl's texts for its codes (`launchctl error N`). */
const texts: Readonly<Record<number, string>> = {
  0: 'no error',
  1: 'Operation not permitted',
  2: 'No such file or directory',
  3: 'No such process',
  5: 'Input/output error',
  13: 'Permission denied',
  17: 'File exists',
  22: 'Invalid argument',
  36: 'Operation now in progress',
  37: 'Operation already in progress',
  107: 'Malformed bundle',
  108: 'Invalid path',
  109: 'Invalid property list',
  110: 'Invalid or missing service identifier',
  111: 'Invalid or missing Program/ProgramArguments',
  112: 'Could not find specified domain',
  113: 'Could not find specified service',
  118: 'Bad response from server',
  119: 'Service is disabled',
  121: 'Path not searched for services',
  122: 'Path had bad ownership/permissions',
  124: 'Domain is tearing down',
  125: 'Domain does not support specified action',
  130: 'System encountered a condition where behavior was undefined',
  133: 'Multiple errors were returned; see stderr',
  134: 'Service cannot load in requested session',
  139: 'Service cannot presently execute',
  146: 'Domain is in on-demand-only mode',
  150: 'Operation not permitted while System Integrity Protection is engaged',
  155: 'Refusing to execute/trust quarantined program/file',
  161: 'Service cannot be launched because of BTM policy',
};

export const textOf = (code: number): string => texts[code] ?? 'Unknown error';

export const said = (stdout: string): Answer => ({ stdout, stderr: '', code: 0 });
export const nothing: Answer = said('');
export const complained = (code: number, stderr: string): Answer => ({ stdout: '', stderr, code });

/** The envelope a verb puts around an error number. */
export function failure(verb: string, code: number, label: string): Answer {
  const text = `${code}: ${textOf(code)}`;
  switch (verb) {
    case 'bootstrap':
      return complained(
        code,
        `Bootstrap failed: ${text}\n${code === 5 ? 'Try re-running the command as root for richer errors.\n' : ''}`,
      );
    case 'bootout':
      return complained(code, `Boot-out failed: ${text}\n`);
    case 'kickstart':
      return complained(code, `Could not kickstart service "${label}": ${text}\n`);
    default:
      return complained(code, `${text}\n`);
  }
}

export const unknownService = (label: string, uid: number, badRequest: boolean): Answer =>
  complained(
    113,
    `${badRequest ? 'Bad request.\n' : ''}Could not find service "${label}" in domain for user gui: ${uid}\n`,
  );

export const noSuchDomain = (code: number, uid: number): Answer =>
  complained(
    code,
    code === 112 ? `Could not find domain for user gui: ${uid}\n` : `${code}: ${textOf(code)}\n`,
  );

const usageLines: Readonly<Record<string, string>> = {
  bootout: 'Usage: launchctl bootout <domain-target> [service-path, service-path2, ...] | <service-target>',
  bootstrap: 'Usage: launchctl bootstrap <domain-target> [service-path, service-path2, ...]',
  kickstart: 'Usage: launchctl kickstart [-k] [-p] [-s] <service-target>',
  print: 'Usage: launchctl print <domain-target> | <service-target>',
};

export function usage(verb: string): Answer {
  const line = usageLines[verb];
  return complained(
    64,
    line === undefined ? `Unrecognized subcommand: ${verb}\n` : `Unrecognized target specifier.\n${line}\n`,
  );
}

export function help(verb: string, waitIsKnown: boolean): Answer {
  const line = usageLines[verb];
  if (line === undefined) return complained(64, `Unrecognized subcommand: ${verb}\n`);
  if (verb !== 'bootout' || !waitIsKnown) return said(`${line}\n`);
  return said(
    'Usage: launchctl bootout [--wait] <domain-target> [service-path, service-path2, ...] | <service-target>\n' +
      '\t--wait\tBlock until the service has been torn down. May block indefinitely.\n',
  );
}
