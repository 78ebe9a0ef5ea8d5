import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { isHarmlessSwitch, securityToCarry } from '../../src/core/security-carry.ts';

const carried = (restored: unknown, ...newest: unknown[]) =>
  securityToCarry(
    restored,
    newest.map((content) => ({ content, isWhole: true })),
  ).map(({ path, from, source }) => [path.join('.'), source === null ? null : `${from}:${source.join('.')}`]);

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

describe('what the newest content has closed', () => {
  const channels = (all: unknown) => ({ ...gateway({}), ...(all === undefined ? {} : { channels: all }) });
  const open = channels({
    defaults: {},
    telegram: { botToken: 'x', accounts: { a: {}, b: { enabled: true } } },
  });

  it.each([
    ['a channel that is gone', { defaults: {} }, ['channels.telegram']],
    ['all channels with the part they stood in', undefined, ['channels.telegram']],
    ['a channel that was put out', { defaults: {}, telegram: null }, ['channels.telegram']],
    ['a part that was put out', false, ['channels.telegram']],
    [
      'all accounts',
      { telegram: { botToken: 'x' } },
      ['channels.telegram.accounts.a', 'channels.telegram.accounts.b'],
    ],
    [
      'one account',
      { telegram: { botToken: 'x', accounts: { b: { enabled: true } } } },
      ['channels.telegram.accounts.a'],
    ],
    [
      'an account that was switched off',
      { telegram: { botToken: 'x', accounts: { a: {}, b: { enabled: false } } } },
      ['channels.telegram.accounts.b.enabled'],
    ],
    ['nothing where a part has no form', 'text', []],
    ['nothing where a channel has no form', { telegram: 7 }, []],
  ])('%s', (_name, newer, paths) => {
    expect(carried(open, channels(newer)).map(([path]) => path)).toEqual(paths);
  });

  it('is no matter of a content without a gateway, which was cut off, or of one with a lost part', () => {
    expect(carried(open, {}, channels(undefined))).toEqual([['channels.telegram', null]]);
    expect(carried(open, {})).toEqual([]);
    expect(securityToCarry(open, [{ content: channels(undefined), isWhole: false }])).toEqual([]);
    expect(securityToCarry(open, [{ content: channels({}), isWhole: false }])).toEqual([]);
  });

  it('is not opened by what was added to it since', () => {
    expect(carried(gateway({}), open)).toEqual([]);
    expect(carried(gateway({}), { ...gateway({}), hooks: { enabled: true, token: 'x' } })).toEqual([]);
  });

  it('are switches of any part, if the restored content has that part', () => {
    const part = (more: object) => ({ ...gateway({}), part: { x: more } });
    expect(carried(part({ enabled: true }), part({ enabled: false }))).toEqual([
      ['part.x.enabled', '0:part.x.enabled'],
    ]);
    expect(carried(part({}), part({ disabled: true }))).toEqual([['part.x.disabled', '0:part.x.disabled']]);
    expect(carried(part({ enabled: false, disabled: true }), part({ enabled: true }))).toEqual([]);
    expect(carried(gateway({}), part({ enabled: false }))).toEqual([]);
  });

  it('are the defaults where a part is gone, but the guards of an entry that is gone stay with it', () => {
    const tools = { deny: ['x'], elevated: { enabled: true } };
    expect(carried({ ...gateway({}), tools }, gateway({})).map(([path]) => path)).toEqual([
      'tools.deny',
      'tools.elevated',
    ]);
    const agents = { ...gateway({}), agents: { list: [{ id: 'a', tools, apiKey: 'x' }] } };
    const paths = ['agents.list.0.apiKey', 'agents.list.0.tools.elevated'];
    expect(carried(agents, gateway({})).map(([path]) => path)).toEqual(paths);
    expect(carried(agents, { ...gateway({}), agents: { list: [] } }).map(([path]) => path)).toEqual(paths);
  });
});

describe('a missing setting', () => {
  const mistyped = (restored: unknown, content: unknown) =>
    securityToCarry(restored, [{ content, isWhole: true }]).map((carry) => carry.mistyped?.join('.') ?? null);

  it('may be there under a name with a slip in it', () => {
    expect(mistyped(gateway({ auth: 1 }), gateway({ auht: 1 }))).toEqual(['gateway.auht']);
    expect(
      mistyped({ ...gateway({}), tools: { deny: [] } }, { ...gateway({}), tolls: { deny: [] } }),
    ).toContain('tolls');
  });

  it('is taken for removed where nothing like it is new, and where it is an entry among others', () => {
    expect(mistyped(gateway({ auth: 1, auht: 1 }), gateway({ auht: 1 }))).toEqual([null]);
    expect(mistyped(gateway({ auth: 1 }), gateway({}))).toEqual([null]);
    const groups = (id: string) => ({ ...gateway({}), channels: { x: { groups: { [id]: {} } } } });
    expect(mistyped(groups('-1001'), groups('-1002'))).toContain(null);
    const listed = (...list: unknown[]) => ({ ...gateway({}), agents: { list } });
    expect(mistyped(listed({ id: 'a', apiKey: 'x' }), listed())).toEqual([null]);
  });
});

describe('whatever the two contents are', () => {
  const leaf = fc.constantFrom<unknown>(true, false, null, 1, ['1'], ['1', '2'], 'open', {});
  const key = fc.constantFrom('enabled', 'allowFrom', 'deny', 'botToken', 'accounts', 'a', 'tools', 'list');
  const part = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof({ maxDepth: 3 }, leaf, fc.dictionary(key, tie('node'), { maxKeys: 4 })),
  })).node;
  const config = fc
    .dictionary(fc.constantFrom('channels', 'tools', 'hooks', 'agents'), part, { maxKeys: 4 })
    .map((more) => ({ ...gateway({}), ...more }));

  it('no way in that the newer lacks is left, and nothing is carried onto itself', () => {
    fc.assert(
      fc.property(config, config, (restored, newer) => {
        const paths = carried(restored, newer).map(([path]) => path);
        const [mine, theirs] = [restored, newer].map((one) => (one as { channels?: unknown }).channels);
        const isRecord = (value: unknown): value is object =>
          typeof value === 'object' && value !== null && !Array.isArray(value);
        if (isRecord(mine) && (theirs === undefined || isRecord(theirs)))
          for (const name of Object.keys(mine))
            if (!Object.hasOwn(theirs ?? {}, name) && isRecord(Object(mine)[name]))
              expect(paths).toContain(`channels.${name}`);
        expect(carried(restored, structuredClone(restored))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});

test.each<[unknown, unknown, boolean]>([
  [true, 'yes', true],
  [true, ' On ', true],
  [true, 1, true],
  [true, 'no', false],
  [true, 'perhaps', false],
  [true, 0, false],
  [true, null, false],
  [false, 'yes', true],
  [false, 0, true],
  [false, true, false],
  [true, false, false],
  [true, undefined, false],
  [undefined, 'yes', false],
])('a switch that was %j may take the place of %j: %j', (before, now, harmless) => {
  expect(isHarmlessSwitch(before, now)).toBe(harmless);
});

test('a switch that is no boolean is not carried where the old one is harmless', () => {
  const channels = (enabled: unknown) => ({ gateway: {}, channels: { telegram: { enabled } } });
  const carried = (before: unknown, now: unknown) =>
    securityToCarry(channels(before), [{ content: channels(now), isWhole: true }]).length;
  expect(carried(true, 'yes')).toBe(0);
  expect(carried(true, 'no')).toBe(1);
  expect(carried(false, true)).toBe(1);
});
