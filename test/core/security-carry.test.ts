import { describe, expect, it } from 'vitest';
import { securityToCarry } from '../../src/core/security-carry.ts';

const carried = (restored: unknown, ...newest: unknown[]) =>
  securityToCarry(restored, newest).map(({ path, from, source }) => [
    path.join('.'),
    source === null ? null : `${from}:${source.join('.')}`,
  ]);

const gateway = (more: object) => ({ gateway: { mode: 'local', ...more } });

describe('security settings that must be carried into a restored config', () => {
  it('are none where nothing differs, and none where no newer content is known', () => {
    const config = gateway({ bind: 'lan', auth: { token: 'a' } });
    expect(carried(config, structuredClone(config))).toEqual([]);
    expect(carried(config)).toEqual([]);
    expect(carried(gateway({ port: 1 }), gateway({ port: 2 }))).toEqual([]);
  });

  it('are changed, added and taken-away ones, by their topmost key', () => {
    expect(
      carried(
        gateway({ bind: 'lan', auth: { token: 'a' } }),
        gateway({ auth: { token: 'b' }, tailscale: { mode: 'off' } }),
      ),
    ).toEqual([
      ['gateway.bind', null],
      ['gateway.auth', '0:gateway.auth'],
      ['gateway.tailscale', '0:gateway.tailscale'],
    ]);
  });

  it('come from the newest content that has the part they stand in', () => {
    const restored = gateway({ bind: 'lan' });
    expect(carried(restored, {}, gateway({ bind: 'loopback' }))).toEqual([
      ['gateway.bind', '1:gateway.bind'],
    ]);
    expect(carried(restored, { gateway: 'text' }, null)).toEqual([]);
  });

  it('are not carried into a channel that is not restored, but into a feature that has defaults', () => {
    expect(
      carried({}, { channels: { telegram: { allowFrom: ['1'] } }, commands: { allowFrom: { a: ['1'] } } }),
    ).toEqual([['commands.allowFrom', '0:commands.allowFrom']]);
  });

  it('are those of a list entry with the same id, wherever it stands by now', () => {
    const agents = (...list: unknown[]) => ({ agents: { list } });
    const agent = (id: string, exec: string) => ({ id, tools: { exec } });
    expect(
      carried(agents(agent('a', 'ask'), agent('b', 'full')), agents(agent('new', 'ask'), agent('b', 'deny'))),
    ).toEqual([['agents.list.1.tools.exec', '0:agents.list.1.tools.exec']]);
    expect(carried(agents(agent('b', 'full')), agents(agent('a', 'ask'), agent('b', 'deny')))).toEqual([
      ['agents.list.0.tools.exec', '0:agents.list.1.tools.exec'],
    ]);
    // Without an id its position is all there is; an entry of another shape has no place in it.
    expect(carried(agents({ tools: { exec: 'a' } }), agents({ tools: { exec: 'b' } }))).toHaveLength(1);
    expect(carried(agents(), agents({ id: 'a', tools: { exec: 'b' } }))).toEqual([]);
    expect(carried({ agents: { list: {} } }, agents(agent('a', 'ask')))).toEqual([]);
  });

  it('are the members of a list of groups, not what is set for each of them', () => {
    const groups = (all: unknown) => ({ channels: { telegram: { groups: all } } });
    expect(
      carried(
        groups({ a: { requireMention: true }, b: {} }),
        groups({ a: { requireMention: false }, c: {} }),
      ),
    ).toEqual([
      ['channels.telegram.groups.b', null],
      ['channels.telegram.groups.c', '0:channels.telegram.groups.c'],
    ]);
    expect(carried(groups({ a: {} }), groups('*'))).toEqual([
      ['channels.telegram.groups', '0:channels.telegram.groups'],
    ]);
    expect(carried({ channels: { telegram: {} } }, groups({ a: {} }))).toEqual([
      ['channels.telegram.groups', '0:channels.telegram.groups'],
    ]);
    expect(carried(groups([]), groups(['a']))).toEqual([]);
  });

  it('are looked for no deeper than any setting stands', () => {
    const deep = (levels: number): unknown => (levels === 0 ? { bind: 'lan' } : { x: deep(levels - 1) });
    expect(carried(deep(3), deep(3))).toEqual([]);
    expect(carried({ ...(deep(40) as object) }, {})).toEqual([]);
  });
});
