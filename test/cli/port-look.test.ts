import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/cli/parse.ts';
import { lookAtPort, type PortLook, tailscaleOf } from '../../src/cli/port/look.ts';
import { remediesFor } from '../../src/cli/port/remedies.ts';
import { holderLine, tailscaleWords, verdictLine } from '../../src/cli/port/words.ts';
import { instant } from '../../src/core/time.ts';
import type { Listener } from '../../src/system/listener-text.ts';

const appStore =
  '/Applications/Tailscale.app/Contents/PlugIns/IPNExtension.appex/Contents/MacOS/IPNExtension';
const standalone =
  '/Library/SystemExtensions/6D2B/io.tailscale.ipn.macsys.network-extension.systemextension/Contents/MacOS/io.tailscale.ipn.macsys.network-extension';
const daemon = '/opt/homebrew/opt/tailscale/bin/tailscaled --tun=userspace-networking';

const listener = (pid: number | null, address: string, more: Partial<Listener> = {}): Listener => ({
  pid,
  uid: 501,
  command: 'node',
  address,
  ...more,
});

function look(
  listeners: readonly Listener[],
  commands: Readonly<Record<number, string>>,
  bind = 'loopback',
): PortLook {
  return {
    port: 18_789,
    host: '127.0.0.1',
    bind,
    uid: 501,
    listeners: async () => ({ kind: 'ok', listeners }),
    orphanProof: async (pid) => ({ kind: 'not-ours', because: `process ${pid} is not a gateway` }),
    service: async () => ({ kind: 'running', pid: 100, runs: 1, lastExit: null }),
    processes: {
      row: async (pid) => {
        const command = commands[pid];
        if (command === undefined) return { kind: 'gone' };
        const counted = { stat: 'S', cpuMs: 1, residentBytes: 1, hasTerminal: false };
        const row = { pid, ppid: 1, uid: 501, startedAt: instant(0), command, ...counted };
        return { kind: 'row', row };
      },
    },
  };
}

describe('who holds the port', () => {
  it.each([
    [appStore, 'app-store'],
    ['IPNExtension', 'app-store'],
    [standalone, 'standalone'],
    ['io.tailscale.ip', 'standalone'],
    [daemon, 'tailscaled'],
    ['/usr/local/bin/tailscaled', 'tailscaled'],
    ['tailscaled', 'tailscaled'],
    ['node /home/tailscale-lover/server.js', null],
    ['vim tailscaled.md', null],
  ])('knows %s as %s', (command, expected) => {
    expect(tailscaleOf(command)).toBe(expected);
  });

  it.each([
    [appStore, '127.0.0.1:18789', 'Tailscale from the App Store'],
    [standalone, '*:18789', 'the standalone Tailscale app'],
    [daemon, '100.64.1.2:18789', 'tailscaled'],
  ])('names Tailscale by its kind, without a path or an argument', async (command, address, name) => {
    const view = await lookAtPort(look([listener(7, address)], { 7: command }, 'lan'));
    expect(view.verdict).toBe('foreign');
    expect(verdictLine(view)).toBe(
      `port 18789 is held by ${name} (process 7), which is not the gateway and was left alone`,
    );
    for (const { tailscale } of view.holders) {
      expect(tailscale === null ? '' : tailscaleWords[tailscale].more).toContain('tailscale serve status');
    }
    expect(view.holders.map((holder) => holderLine(holder, 501)).join()).not.toContain('/');
  });

  it('is told without the arguments of a program, which may be secrets', async () => {
    const view = await lookAtPort(
      look([listener(7, '127.0.0.1:18789')], { 7: '/usr/bin/python3 serve.py --token secret' }),
    );
    const words = [...view.holders.map((holder) => holderLine(holder, 501)), JSON.stringify(view)].join();
    expect(words).toContain('python3 (process 7)');
    expect(words).not.toContain('secret');
  });

  it('is named by its program where the path to it holds spaces', async () => {
    const at = '127.0.0.1:18789';
    const program = '/Library/Application Support/Some Tool/tooldaemon --token secret';
    const view = await lookAtPort(look([listener(7, at, { command: 'tooldaemon' })], { 7: program }));
    expect(view.holders.map((holder) => holder.program)).toEqual(['tooldaemon']);
    const node = await lookAtPort(look([listener(7, at, { command: 'MainThread' })], { 7: '/x/node a.js' }));
    expect(node.holders.map((holder) => holder.program)).toEqual(['node']);
  });

  it('counts two addresses of one process as one holder', async () => {
    const two = [listener(100, '127.0.0.1:18789'), listener(100, '[::1]:18789')];
    const view = await lookAtPort(look(two, { 100: 'openclaw-gateway' }));
    expect(view.holders).toHaveLength(1);
    expect(view.verdict).toBe('ours');
  });

  it('takes the exact address before that of all: a stranger there is in the way of our own', async () => {
    const both = [listener(100, '*:18789'), listener(7, '127.0.0.1:18789')];
    const view = await lookAtPort(look(both, { 100: 'openclaw-gateway', 7: 'python3' }));
    expect(view.verdict).toBe('foreign');
    expect(view.leading.map(({ pid }) => pid)).toEqual([7]);
  });

  it('is unknown while nobody can tell whether it runs below the job', async () => {
    const seen = look([listener(7, '127.0.0.1:18789')], { 7: 'python3' });
    const { row } = seen.processes;
    const blind: PortLook['processes'] = {
      row: async (pid) => {
        const found = await row(pid);
        if (found.kind === 'row') return { ...found, row: { ...found.row, ppid: 6 } };
        return { kind: 'unknown', because: 'ps is silent' };
      },
    };
    const view = await lookAtPort({ ...seen, processes: blind });
    expect(view.verdict).toBe('unknown');
    expect(view.holders).toMatchObject([{ pid: 7, who: 'unknown', because: 'ps is silent' }]);
  });

  it("is foreign where netstat names another user and no process, and unknown where it is this user's", async () => {
    const roots = [listener(null, '127.0.0.1:18789', { uid: 0, command: '' })];
    expect((await lookAtPort(look(roots, {}))).verdict).toBe('foreign');
    const mine = [listener(null, '127.0.0.1:18789', { command: '' })];
    const view = await lookAtPort(look(mine, {}));
    expect(view.verdict).toBe('unknown');
    expect(verdictLine(view)).toContain('nothing was done');
  });
});

describe('what would give the gateway a port', () => {
  const address = {
    port: 18_789,
    portSource: 'argument',
    bind: 'lan',
    bindPinned: false,
    profile: 'ops',
  } as const;
  const kinds = async (at: string, platform: NodeJS.Platform, more: Partial<typeof address> = {}) => {
    const view = await lookAtPort(look([listener(7, at)], { 7: daemon }, 'lan'));
    return (await remediesFor(view, { ...address, ...more }, platform)).map(({ kind }) => kind);
  };

  it('is loopback only against whoever is not there already', async () => {
    expect(await kinds('100.64.1.2:18789', 'linux')).toEqual(['bind-loopback', 'move-port']);
    expect(await kinds('127.0.0.1:18789', 'darwin')).toEqual(['move-port']);
    expect(await kinds('*:18789', 'darwin')).toEqual(['bind-loopback', 'move-port']);
    expect(await kinds('*:18789', 'linux')).toEqual(['move-port']);
  });

  it('names the second command where the job pins the port', async () => {
    const view = await lookAtPort(look([listener(7, '127.0.0.1:18789')], { 7: daemon }));
    const [moved] = await remediesFor(view, address, 'linux');
    expect(moved?.commands).toEqual([
      `immune fix-port --move-port ${moved?.port}`,
      'openclaw --profile ops gateway install --force',
    ]);
  });
});

describe('the words of fix-port', () => {
  it('are read into what is asked', () => {
    expect(parseCommand(['fix-port', '--kill', '42', '--force', '-y'])).toEqual({
      kind: 'fix-port',
      ask: {
        kill: 42,
        movePort: null,
        bindLoopback: false,
        force: true,
        yes: true,
        dryRun: false,
        json: false,
      },
    });
    expect(parseCommand(['fix-port', '--move-port=18790', '--dry-run'])).toMatchObject({
      ask: { movePort: 18_790, dryRun: true },
    });
  });

  it.each([
    [['--kill', 'node']],
    [['--kill=-5']],
    [['--move-port', '80']],
    [['--move-port', '70000']],
    [['--move-port', '18790', '--bind-loopback']],
    [['--kill', '5', '--bind-loopback']],
    [['everything']],
  ])('are refused with the next command: %j', (words) => {
    expect(parseCommand(['fix-port', ...words])).toMatchObject({
      kind: 'refused',
      hint: expect.stringContaining('immune fix-port'),
    });
  });
});
