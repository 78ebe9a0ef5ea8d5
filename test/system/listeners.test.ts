import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseLsof, parseNetstat } from '../../src/system/listener-text.ts';
import { readListeners } from '../../src/system/listeners.ts';
import type { Run, RunResult } from '../../src/system/run.ts';

const find = (name: string): string | null =>
  [`/usr/sbin/${name}`, `/usr/bin/${name}`, `/bin/${name}`].find((path) => existsSync(path)) ?? null;
const lsof = find('lsof');
const netstat = find('netstat');

const exited = (stdout: string, code = 0): RunResult => ({ kind: 'exited', code, stdout, stderr: '' });

/** Answers by the name of the tool and notes what was run. */
function tools(answers: { readonly lsof?: RunResult; readonly netstat?: RunResult }) {
  const ran: string[] = [];
  const fake: Run = async ({ file, args }) => {
    ran.push([file, ...args].join(' '));
    return (
      (file === '/lsof' ? answers.lsof : answers.netstat) ?? { kind: 'not-started', because: 'not expected' }
    );
  };
  return {
    ran,
    given: { lsof: '/lsof', netstat: '/netstat', run: fake, platform: 'darwin' as const, uid: 501 },
  };
}

const classicHeader =
  'Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)     rhiwat shiwat    pid   epid state    options           gencnt    flags   flags1 usscnt rtncnt fltrs';
const middleHeader =
  'Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)      rxbytes      txbytes  rhiwat  shiwat    pid   epid  state  options';
const newHeader =
  'Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)      rxbytes      txbytes  rhiwat  shiwat          process:pid    state  options';

describe('lsof output', () => {
  it('is read by its field letters: one listener for each address', () => {
    const text =
      'p501\ncnode\nu502\nf20\nn127.0.0.1:18789\nf21\nn[::1]:18789\np7\ncopenclaw gatew\nf3\nn*:18789\n';
    expect(parseLsof(text)).toEqual([
      { pid: 501, uid: 502, command: 'node', address: '127.0.0.1:18789' },
      { pid: 501, uid: 502, command: 'node', address: '[::1]:18789' },
      { pid: 7, uid: null, command: 'openclaw gatew', address: '*:18789' },
    ]);
    expect(parseLsof('')).toEqual([]);
  });
});

describe('netstat output', () => {
  it.each([
    [
      'classic macOS',
      classicHeader,
      'tcp4       0      0  127.0.0.1.18789        *.*                    LISTEN      131072 131072   1234      0 00180 00000006 000000',
      { pid: 1234, command: '', address: '127.0.0.1:18789' },
    ],
    [
      'macOS with byte counts',
      middleHeader,
      'tcp6       0      0  ::1.18789              *.*                    LISTEN                 0            0  131072  131072   1234      0  00180 00000006',
      { pid: 1234, command: '', address: '::1:18789' },
    ],
    [
      'macOS 26',
      newHeader,
      'tcp46      0      0  *.18789                *.*                    LISTEN                 0            0  131072  131072             node:1234   00180 00000006',
      { pid: 1234, command: 'node', address: '*:18789' },
    ],
    [
      'macOS 26 and a name with spaces',
      newHeader,
      'tcp4       0      0  127.0.0.1.18789        *.*                    LISTEN                 0            0  131072  131072  Google Chrome He:88   00180 00000006',
      { pid: 88, command: 'Google Chrome He', address: '127.0.0.1:18789' },
    ],
    [
      'macOS and a socket without a process',
      classicHeader,
      'tcp4       0      0  127.0.0.1.18789        *.*                    LISTEN      131072 131072      0      0 00180 00000006 000000',
      { pid: null, command: '', address: '127.0.0.1:18789' },
    ],
  ])('of %s is read by its header', (_name, header, line, expected) => {
    const text = `Active Internet connections (including servers)\n${header}\n${line}\n`;
    expect(parseNetstat(text, 18_789)).toEqual([{ ...expected, uid: null }]);
  });

  it('of Linux tells user, pid and program, names with spaces too', () => {
    const text = [
      'Active Internet connections (only servers)',
      'Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name    ',
      'tcp        0      0 127.0.0.1:18789         0.0.0.0:*               LISTEN      1000       4711       12/node: gateway    ',
      'tcp6       0      0 :::18789                :::*                    LISTEN      0          4712       -                   ',
      'tcp        0      0 127.0.0.1:8789          0.0.0.0:*               LISTEN      0          4713       9/other             ',
    ].join('\n');
    expect(parseNetstat(text, 18_789)).toEqual([
      { pid: 12, uid: 1000, command: 'node: gateway', address: '127.0.0.1:18789' },
      { pid: null, uid: 0, command: '', address: ':::18789' },
    ]);
  });

  it('leaves out other ports, other states and other protocols', () => {
    const lines = [
      'tcp4       0      0  127.0.0.1.1878         *.*                    LISTEN      131072 131072   1      0 0 0',
      'tcp4       0      0  127.0.0.1.118789       *.*                    LISTEN      131072 131072   2      0 0 0',
      'tcp4       0      0  127.0.0.1.5000         127.0.0.1.18789        ESTABLISHED 131072 131072   3      0 0 0',
      'tcp4       0      0  127.0.0.1.18789        127.0.0.1.5000         ESTABLISHED 131072 131072   4      0 0 0',
      'udp4       0      0  *.18789                *.*                    LISTEN      131072 131072   5      0 0 0',
    ];
    expect(parseNetstat([classicHeader, ...lines].join('\n'), 18_789)).toEqual([]);
  });

  it('without a header it knows is not taken for "nobody listens"', () => {
    expect(parseNetstat('', 18_789)).toBeNull();
    expect(parseNetstat('usage: netstat [-AaLlnW]', 18_789)).toBeNull();
  });
});

describe('readListeners', () => {
  it('runs one program when lsof answers', async () => {
    const { ran, given } = tools({ lsof: exited('p5\ncnode\nu501\nf1\nn127.0.0.1:18789\n') });
    expect(await readListeners(18_789, given)).toMatchObject({ kind: 'ok', listeners: [{ pid: 5 }] });
    expect(ran).toEqual(['/lsof -nP -iTCP:18789 -sTCP:LISTEN -Fpcun']);
  });

  it("finds another user's listener by netstat when lsof shows none", async () => {
    const line =
      'tcp4       0      0  *.18789                *.*                    LISTEN      131072 131072   99      0 00180 00000006';
    const { ran, given } = tools({ lsof: exited('', 1), netstat: exited(`${classicHeader}\n${line}\n`) });
    expect(await readListeners(18_789, given)).toMatchObject({
      kind: 'ok',
      listeners: [{ pid: 99, uid: null }],
    });
    expect(ran[1]).toBe('/netstat -anv -p tcp');
  });

  it('says none only when both agree, or when root asked lsof', async () => {
    const both = tools({ lsof: exited('', 1), netstat: exited(`${classicHeader}\n`) });
    expect(await readListeners(18_789, both.given)).toEqual({ kind: 'ok', listeners: [] });
    const root = tools({ lsof: exited('', 1) });
    expect(await readListeners(18_789, { ...root.given, uid: 0 })).toEqual({ kind: 'ok', listeners: [] });
    expect(root.ran).toHaveLength(1);
  });

  it.each([
    ['lsof shows none and there is no netstat', exited('', 1), null, 'there is no netstat'],
    [
      'lsof hangs and netstat fails',
      { kind: 'timed-out', afterMs: 5 } as const,
      exited('', 1),
      'lsof gave no answer',
    ],
    ['netstat prints what nobody knows', exited('', 1), exited('hello'), 'could not be parsed'],
  ])('says unknown when %s', async (_name, first, second, words) => {
    const { given } = tools({ lsof: first, ...(second === null ? {} : { netstat: second }) });
    const outcome = await readListeners(18_789, { ...given, netstat: second === null ? null : '/netstat' });
    expect(outcome).toMatchObject({ kind: 'unknown' });
    expect(outcome.kind === 'unknown' && outcome.because).toContain(words);
  });

  it.skipIf(lsof === null || netstat === null)(
    'finds a real listener by each tool, and none on a port that is closed',
    async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      for (const given of [
        { lsof, netstat },
        { lsof: null, netstat },
      ]) {
        const outcome = await readListeners(port, given);
        expect(outcome).toMatchObject({ kind: 'ok', listeners: [{ pid: process.pid }] });
      }
      await new Promise((resolve) => server.close(resolve));
      expect(await readListeners(port, { lsof, netstat })).toEqual({ kind: 'ok', listeners: [] });
    },
  );

  it.skipIf(process.getuid?.() !== 0 || lsof === null || netstat === null)(
    'sees the listener of root as an ordinary user, without its pid',
    async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      // Only the tools run as another user: ps, lsof and netstat judge by whom they are run.
      const asNobody: Run = async (request) => {
        const child = spawn(request.file, request.args, {
          uid: 65_534,
          gid: 65_534,
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        let stdout = '';
        child.stdout.on('data', (chunk: Buffer) => {
          stdout += chunk.toString('utf8');
        });
        const code = await new Promise<number>((resolve) =>
          child.once('close', (value) => resolve(value ?? 1)),
        );
        return exited(stdout, code);
      };
      const outcome = await readListeners(port, { lsof, netstat, run: asNobody, uid: 65_534 });
      expect(outcome).toMatchObject({ kind: 'ok', listeners: [{ pid: null, uid: 0 }] });
      await new Promise((resolve) => server.close(resolve));
    },
  );

  it('is given the real runner by default', async () => {
    const outcome = await readListeners(1, { lsof: '/nonexistent/lsof', netstat: null });
    expect(outcome).toMatchObject({ kind: 'unknown' });
  });
});
