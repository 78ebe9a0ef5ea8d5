import { describe, expect, it } from 'vitest';
import { covers, judgeListener, type ListenerQuestion } from '../../src/probes/listener.ts';
import { parseNetstat } from '../../src/system/listener-text.ts';

const listener = (pid: number | null, address = '127.0.0.1:18789', uid: number | null = 501) => ({
  pid,
  uid,
  command: 'node',
  address,
});

const question = (
  listeners: readonly ReturnType<typeof listener>[],
  more: Partial<ListenerQuestion> = {},
) => ({
  found: { kind: 'ok' as const, listeners },
  port: 18_789,
  host: '127.0.0.1',
  servicePid: 100,
  lockPid: null,
  uid: 501,
  ancestors: async () => [],
  ...more,
});

describe('who listens', () => {
  it.each([
    ['127.0.0.1:18789', '127.0.0.1', true],
    ['*:18789', '127.0.0.1', true],
    ['0.0.0.0:18789', '127.0.0.1', true],
    ['[::1]:18789', '127.0.0.1', false],
    ['[::1]:18789', '::1', true],
    ['100.64.1.2:18789', '127.0.0.1', false],
  ])('%s reached from %s: %s', (address, host, expected) => {
    expect(covers(address, host)).toBe(expected);
  });

  it('is ours when the job runs that very process', async () => {
    expect(await judgeListener(question([listener(100)]))).toMatchObject({ kind: 'ours', pid: 100 });
  });

  it('is ours when the process descends from the job (a wrapper)', async () => {
    const asked = question([listener(102)], { ancestors: async () => [101, 100] });
    expect(await judgeListener(asked)).toMatchObject({ kind: 'ours', pid: 102 });
  });

  it('is an orphan when only the lock in our state directory names it', async () => {
    const asked = question([listener(77)], { lockPid: 77 });
    expect(await judgeListener(asked)).toMatchObject({ kind: 'orphan', pid: 77 });
  });

  it('is foreign when the lock names it but it runs as another user', async () => {
    const asked = question([listener(77, '*:18789', 0)], { lockPid: 77 });
    expect(await judgeListener(asked)).toMatchObject({ kind: 'foreign', pid: 77, uid: 0 });
  });

  it('is foreign when it is neither', async () => {
    expect(await judgeListener(question([listener(55)]))).toMatchObject({ kind: 'foreign', pid: 55 });
  });

  it('is nobody when only another address is taken', async () => {
    expect(await judgeListener(question([listener(55, '[::1]:18789')]))).toEqual({ kind: 'none' });
  });

  it('is unknown when the system names nobody, or the tool failed', async () => {
    expect((await judgeListener(question([listener(null, '*:18789', null)]))).kind).toBe('unknown');
    const failed = question([], { found: { kind: 'unknown', because: 'no lsof' } });
    expect(await judgeListener(failed)).toEqual({ kind: 'unknown', because: 'no lsof' });
  });

  it('is ours on one address even if a stranger holds another one', async () => {
    const asked = question([listener(55, '[::1]:18789'), listener(100)]);
    expect(await judgeListener(asked)).toMatchObject({ kind: 'ours', pid: 100 });
  });

  it('is a stranger who holds the exact address in front of our listener of all addresses', async () => {
    const asked = question([listener(100, '*:18789'), listener(55, '127.0.0.1:18789')]);
    expect(await judgeListener(asked)).toMatchObject({ kind: 'foreign', pid: 55 });
  });

  it('is no orphan of ours when nobody says whose process it is', async () => {
    const asked = question([listener(77, '127.0.0.1:18789', null)], { servicePid: null, lockPid: 77 });
    expect(await judgeListener(asked)).toMatchObject({ kind: 'foreign', pid: 77 });
  });

  it("is found in what macOS's netstat tells of another user's program", async () => {
    const text = [
      'Active Internet connections (including servers)',
      'Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)     rhiwat shiwat    pid   epid  state options',
      'tcp4       0      0  127.0.0.1.18789        *.*                    LISTEN      131072 131072   1234      0 00100 00000006',
    ].join('\n');
    const listeners = parseNetstat(text, 18_789) ?? [];
    const found = { kind: 'ok' as const, listeners };
    expect(await judgeListener(question([], { found }))).toMatchObject({ kind: 'foreign', pid: 1234 });
  });
});
