import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parse } from 'plist';
import { describe, expect, it } from 'vitest';
import type { JobDefinition } from '../../../src/system/launchd/job.ts';
import { buildPlist, parsePlist } from '../../../src/system/launchd/plist.ts';
import { checkPlistKeys } from '../../../src/system/launchd/plist-keys.ts';
import { readPlist } from './tiny-plist-reader.ts';

const job: JobDefinition = {
  label: 'org.example.agent',
  programArguments: ['/Users/me/Application Support/a & b <c>/run', 'daemon', "it's", '"quoted"', ''],
  runAtLoad: true,
  keepAlive: { successfulExit: false, crashed: true },
  throttleInterval: 30,
  exitTimeOut: 20,
  processType: 'Interactive',
  umask: 0o77,
  environmentVariables: { HOME: '/Users/me', PATH: '/usr/bin:/bin', LANG: 'en_US.UTF-8' },
  workingDirectory: '/Users/me',
  standardInPath: '/dev/null',
  standardOutPath: '/Users/me/Library/Logs/out.log',
  standardErrorPath: '/Users/me/Library/Logs/err.log',
  startCalendarInterval: [{ minute: 7 }, { weekday: 0, hour: 3, minute: 30 }],
  lowPriorityIO: true,
  nice: 10,
  abandonProcessGroup: false,
};

const expected = {
  Label: 'org.example.agent',
  ProgramArguments: job.programArguments,
  RunAtLoad: true,
  KeepAlive: { SuccessfulExit: false, Crashed: true },
  ThrottleInterval: 30,
  ExitTimeOut: 20,
  ProcessType: 'Interactive',
  Umask: 63,
  EnvironmentVariables: job.environmentVariables,
  WorkingDirectory: '/Users/me',
  StandardInPath: '/dev/null',
  StandardOutPath: '/Users/me/Library/Logs/out.log',
  StandardErrorPath: '/Users/me/Library/Logs/err.log',
  StartCalendarInterval: [{ Minute: 7 }, { Minute: 30, Hour: 3, Weekday: 0 }],
  LowPriorityIO: true,
  Nice: 10,
  AbandonProcessGroup: false,
};

const readByPython = async (text: string): Promise<unknown> => {
  const program = 'import json,plistlib,sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
  const child = promisify(execFile)('python3', ['-c', program], { timeout: 20_000 });
  child.child.stdin?.end(text);
  return JSON.parse((await child).stdout);
};

describe('buildPlist', () => {
  it('is read by an independent reader exactly as it was meant', () => {
    expect(readPlist(buildPlist(job))).toEqual(expected);
  });

  it("is read by Python's plistlib as it was meant, where there is a Python, and otherwise only by ours", async () => {
    const read = await readByPython(buildPlist(job)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return readPlist(buildPlist(job));
    });
    expect(read).toEqual(expected);
  });

  it('passes our own table of keys and types', () => {
    expect(checkPlistKeys(parse(buildPlist(job)))).toEqual([]);
  });

  it('writes no key for a field that is left out', () => {
    const text = buildPlist({ label: 'org.example.small', programArguments: ['/usr/bin/true'] });
    expect(readPlist(text)).toEqual({ Label: 'org.example.small', ProgramArguments: ['/usr/bin/true'] });
  });
});

describe('parsePlist', () => {
  it('reads back what buildPlist wrote', () => {
    expect(parsePlist(buildPlist(job))).toMatchObject({
      kind: 'ok',
      job: {
        label: job.label,
        program: null,
        programArguments: job.programArguments,
        keepAlive: job.keepAlive,
        umask: 0o77,
        startCalendarInterval: job.startCalendarInterval,
        startInterval: null,
      },
    });
  });

  const plist = (body: string) => `<?xml version="1.0"?><plist version="1.0"><dict>${body}</dict></plist>`;
  const least = '<key>Label</key><string>a</string><key>Program</key><string>/bin/true</string>';

  it('reads a plist of somebody else, with keys we do not know and values launchd ignores', () => {
    const body = `${least}<key>Umask</key><string>077</string><key>Comment</key><string>x</string>
      <key>StartCalendarInterval</key><dict><key>Hour</key><integer>4</integer></dict>
      <key>EnvironmentVariables</key><dict><key>A</key><string>1</string><key>B</key><integer>2</integer></dict>`;
    expect(parsePlist(plist(body))).toMatchObject({
      kind: 'ok',
      job: {
        umask: 0o77,
        environmentVariables: { A: '1' },
        startCalendarInterval: [{ hour: 4 }],
        keepAlive: false,
      },
    });
  });

  it.each([
    ['no XML', '{ "Label": "a" }'],
    ['a cut file', plist(least).slice(0, -20)],
    ['a key without a value', plist(`${least}<key>RunAtLoad</key>`)],
    ['a key followed by a key', plist(`<key>RunAtLoad</key>${least}`)],
    ['a control character', plist(`${least}<key>WorkingDirectory</key><string>/a\u0007</string>`)],
    ['a list at the top', '<plist><array><string>a</string></array></plist>'],
    ['no label', plist('<key>Program</key><string>/bin/true</string>')],
    ['no program', plist('<key>Label</key><string>a</string>')],
    ['a text where a number belongs', plist(`${least}<key>ThrottleInterval</key><string>10</string>`)],
    [
      'a number among the arguments',
      plist(`${least}<key>ProgramArguments</key><array><integer>1</integer></array>`),
    ],
  ])('refuses %s and says why', (_name, text) => {
    const parsed = parsePlist(text);
    expect(parsed.kind).toBe('invalid');
    expect(parsed.kind === 'invalid' && parsed.because).toMatch(/^The plist cannot be used: .+\.$/);
  });
});

describe('checkPlistKeys', () => {
  it.each([
    [{ ...expected, LimitLoadToSessionType: 'Aqua' }, /"LimitLoadToSessionType" is not one/],
    [{ ...expected, KeepAlive: { NetworkState: true } }, /"KeepAlive".*unknown key "NetworkState"/],
    [{ ...expected, EnvironmentVariables: { PORT: 1 } }, /"PORT" must be a string/],
    [{ ...expected, StartCalendarInterval: [{ Minute: 60 }] }, /"StartCalendarInterval".*0 to 59/],
    [{ ...expected, ExitTimeOut: 0 }, /"ExitTimeOut"/],
    [{ ...expected, ProgramArguments: [] }, /"ProgramArguments" must be a non-empty array/],
    [{ ...expected, StandardOutPath: '~/log' }, /"StandardOutPath" must be an absolute path/],
    [{ ...expected, Label: 'a<b' }, /"Label"/],
    [{ Label: 'a' }, /"Program" and "ProgramArguments"/],
    [{ Program: '/bin/true' }, /"Label" is missing/],
    [[], /must be a dictionary/],
  ])('finds the problem of case %#', (value, problem) => {
    expect(checkPlistKeys(value)).toEqual([expect.stringMatching(problem)]);
  });
});
