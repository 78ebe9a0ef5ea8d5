import type { LastExit } from '../../../src/core/service.ts';
import type { JobInfo } from '../../../src/system/embedded/supervisor.ts';

const exitNames: Readonly<Record<number, string>> = {
  64: 'EX_USAGE',
  65: 'EX_DATAERR',
  66: 'EX_NOINPUT',
  67: 'EX_NOUSER',
  68: 'EX_NOHOST',
  69: 'EX_UNAVAILABLE',
  70: 'EX_SOFTWARE',
  71: 'EX_OSERR',
  72: 'EX_OSFILE',
  73: 'EX_CANTCREAT',
  74: 'EX_IOERR',
  75: 'EX_TEMPFAIL',
  76: 'EX_PROTOCOL',
  77: 'EX_NOPERM',
  78: 'EX_CONFIG',
};

const asid = 100_016;

/** The login session supplies these at exec; print does not show them. */
const loginNames: ReadonlySet<string> = new Set(['HOME', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR']);

/** `launchctl print gui/<uid>/<label>`: top-level lines have one tab, nested blocks repeat `state` and counts. */
export function renderJob(info: JobInfo, uid: number): string {
  const { job } = info;
  const environment = Object.entries(info.environment).filter(
    ([name]) => !loginNames.has(name) || name in job.environmentVariables,
  );
  const coalition = (type: string, id: number) =>
    block(`${type} coalition`, [
      `ID = ${id}`,
      `type = ${type}`,
      'state = active',
      `active count = ${info.pid === null ? 0 : 1}`,
      `name = ${info.label}`,
    ]);
  const alive = info.pid !== null;
  return [
    `gui/${uid}/${info.label} = {`,
    `\tactive count = ${alive ? 1 : 0}`,
    `\tpath = ${info.path}`,
    '\ttype = LaunchAgent',
    `\tstate = ${info.state}`,
    '',
    `\tprogram = ${job.program ?? job.programArguments[0] ?? ''}`,
    block('arguments', job.programArguments),
    '',
    ...(job.workingDirectory === null ? [] : [`\tworking directory = ${job.workingDirectory}`, '']),
    ...(job.standardInPath === null ? [] : [`\tstdin path = ${job.standardInPath}`]),
    ...(job.standardOutPath === null ? [] : [`\tstdout path = ${job.standardOutPath}`]),
    ...(job.standardErrorPath === null ? [] : [`\tstderr path = ${job.standardErrorPath}`]),
    block('inherited environment', ['SSH_AUTH_SOCK => /var/run/com.apple.launchd.fake/Listeners']),
    '',
    block('default environment', ['PATH => /usr/bin:/bin:/usr/sbin:/sbin']),
    '',
    block(
      'environment',
      environment.map(([name, value]) => `${name} => ${value}`),
    ),
    '',
    `\tdomain = gui/${uid} [${asid}]`,
    `\tasid = ${asid}`,
    ...(job.umask === null ? [] : [`\tumask = ${job.umask.toString(8)}`]),
    `\tminimum runtime = ${Math.round(info.throttleMs / 1000)}`,
    `\texit timeout = ${Math.round((info.exitTimeOutMs ?? 0) / 1000)}`,
    ...(job.startInterval === null ? [] : [`\trun interval = ${job.startInterval} seconds`]),
    `\truns = ${info.runs}`,
    ...(alive ? [`\tpid = ${info.pid}`] : []),
    ...(alive && info.startReason !== null ? [`\timmediate reason = ${info.startReason}`] : []),
    ...(!alive && info.pended !== null ? [`\tpended nondemand spawn = ${info.pended}`] : []),
    `\tforks = ${alive ? 1 : 0}`,
    `\texecs = ${alive ? 1 : 0}`,
    `\tinitialized = ${alive ? 1 : 0}`,
    `\ttrampolined = ${alive ? 1 : 0}`,
    '\tstarted suspended = 0',
    '\tproxy started suspended = 0',
    '\tchecked allocations = 0 (queried = 1)',
    '\tchecked allocations reason = no host',
    '\tchecked allocations flags = 0x0',
    lastExitLine(info.lastExit),
    '',
    ...eventTriggers(info),
    coalition('resource', 280_936),
    '',
    coalition('jetsam', 280_937),
    '',
    `\tspawn type = ${job.processType === 'Interactive' ? 'interactive (4)' : 'daemon (3)'}`,
    '\tjetsam priority = 40',
    '\tjetsam memory limit (active) = (unlimited)',
    '\tjetsam memory limit (inactive) = (unlimited)',
    '\tjetsamproperties category = daemon',
    '\tjetsam thread limit = 32',
    '\tcpumon = default',
    ...(info.state === 'running' ? ['\tjob state = running'] : []),
    '',
    `\tproperties = ${properties(info)}`,
    '}',
    '',
  ].join('\n');
}

const block = (name: string, lines: readonly string[]): string =>
  [`\t${name} = {`, ...lines.map((line) => `\t\t${line}`), '\t}'].join('\n');

function lastExitLine(exit: LastExit): string {
  switch (exit.kind) {
    case 'never':
      return '\tlast exit code = (never exited)';
    case 'code': {
      const name = exitNames[exit.code];
      return `\tlast exit code = ${exit.code}${name === undefined ? '' : `: ${name}`}`;
    }
    case 'signal':
      return `\tlast terminating signal = ${exit.name}: ${exit.signal}`;
    case 'other':
      return `\tlast exit reason = ${exit.text}`;
    default:
      return exit satisfies never;
  }
}

function eventTriggers({ job, label }: JobInfo): readonly string[] {
  if (job.startCalendarInterval.length === 0) return [];
  const lines = job.startCalendarInterval.flatMap((entry, index) => [
    `${label}.${268_435_456 + index} => {`,
    '\tkeepalive = 0',
    `\tservice = ${label}`,
    '\tstream = com.apple.launchd.calendarinterval',
    '\tmonitor = com.apple.UserEventAgent-Aqua',
    '\tdescriptor = {',
    ...Object.entries(entry).map(
      ([key, value]) => `\t\t"${key.replace(/^./, (c) => c.toUpperCase())}" => ${value}`,
    ),
    '\t}',
    '}',
  ]);
  return [block('event triggers', lines), ''];
}

function properties({ job }: JobInfo): string {
  const words = [
    ...(job.keepAlive === false ? [] : ['keepalive']),
    ...(job.runAtLoad ? ['runatload'] : []),
    ...(job.program === null ? ['inferred program'] : []),
    ...(job.abandonProcessGroup ? ['abandon process group'] : []),
  ];
  return words.join(' | ');
}

/** The decoded status of `launchctl list`: the exit code, or a signal as a negative number. */
const status = (exit: LastExit): number =>
  exit.kind === 'code' ? exit.code : exit.kind === 'signal' ? -exit.signal : 0;

export const renderList = (jobs: readonly JobInfo[]): string =>
  [
    'PID\tStatus\tLabel',
    ...jobs.map((info) => `${info.pid ?? '-'}\t${status(info.lastExit)}\t${info.label}`),
    '',
  ].join('\n');

/** `launchctl list <label>`: its LastExitStatus is the raw wait status (exit 75 is 19200, SIGTERM is 15). */
export function renderListed({ job, label, pid, lastExit }: JobInfo): string {
  const raw =
    lastExit.kind === 'code' ? lastExit.code * 256 : lastExit.kind === 'signal' ? lastExit.signal : 0;
  return [
    '{',
    ...(job.standardOutPath === null ? [] : [`\t"StandardOutPath" = "${job.standardOutPath}";`]),
    '\t"LimitLoadToSessionType" = "Aqua";',
    ...(job.standardErrorPath === null ? [] : [`\t"StandardErrorPath" = "${job.standardErrorPath}";`]),
    `\t"Label" = "${label}";`,
    `\t"OnDemand" = ${job.keepAlive === false};`,
    `\t"LastExitStatus" = ${raw};`,
    ...(pid === null ? [] : [`\t"PID" = ${pid};`]),
    `\t"Program" = "${job.program ?? job.programArguments[0] ?? ''}";`,
    '\t"ProgramArguments" = (',
    ...job.programArguments.map((argument) => `\t\t"${argument}";`),
    '\t);',
    '};',
    '',
  ].join('\n');
}

export const renderDomain = (jobs: readonly JobInfo[], uid: number): string =>
  [
    `gui/${uid} = {`,
    '\ttype = user login',
    `\thandle = ${asid}`,
    `\tactive count = ${jobs.length}`,
    '\tservice count = 0',
    `\tasid = ${asid}`,
    '\tsession = Aqua',
    '\tservices = {',
    ...jobs.map(
      (info) =>
        `\t\t${String(info.pid ?? 0).padStart(8)} ${String(status(info.lastExit)).padStart(6)} \t${info.label}`,
    ),
    '\t}',
    '}',
    '',
  ].join('\n');

export function renderDisabled(
  overridden: ReadonlyMap<string, boolean>,
  format: 'words' | 'booleans',
): string {
  const word = (disabled: boolean) =>
    format === 'words' ? (disabled ? 'disabled' : 'enabled') : String(disabled);
  const lines = [...overridden].map(([label, disabled]) => `\t"${label}" => ${word(disabled)}`);
  return ['disabled services = {', ...lines, '}', 'login item associations = {', '}', ''].join('\n');
}
