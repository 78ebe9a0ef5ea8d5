import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { plannerWorld } from './planner-world.ts';

let world: ReturnType<typeof plannerWorld>;
beforeEach(() => {
  world = plannerWorld();
});
afterEach(() => world.end());

const config = ({
  bind = '"loopback"',
  token = 'first-token-1',
  allow = '["1"]',
  more = '',
} = {}): string => `{
  gateway: { mode: "local", port: 18789, bind: ${bind}, /*auth*/ auth: { mode: "token", token: "${token}" } },
  channels: { telegram: { enabled: true, dmPolicy: "allowlist", allowFrom: ${allow} } },
  logging: { level: "info" },${more}
}
`;
const textOf = async (path = world.configPath): Promise<string> => {
  const outcome = await world.plan();
  if (outcome.kind !== 'ready') throw new Error(JSON.stringify(outcome));
  return Buffer.from(outcome.draft.files.find((file) => file.path === path)?.bytes ?? '').toString();
};

test('a rotated token and a shortened allow-list of the newest snapshot survive the rollback of garbage', async () => {
  world.snapshot({ files: config({ allow: '["1", "2"]' }) });
  world.snapshot({ label: 'recorded', files: config({ token: 'rotated-token-2', more: ' ui: { a: 1 },' }) });
  world.live('garbage, garbage');
  const text = await textOf();
  expect(text).toBe(config({ token: 'rotated-token-2' }));
  const outcome = await world.plan();
  expect(outcome).toMatchObject({
    explain: {
      carried: expect.arrayContaining(['gateway.auth', 'channels.telegram.allowFrom']),
      dropped: ['ui'],
    },
  });
  expect(JSON.stringify(outcome.kind === 'ready' ? outcome.explain : '')).not.toContain('rotated');
});

test('what the newest has taken away does not come back, even from a snapshot that was labelled bad', async () => {
  world.snapshot({ files: config({ bind: '"lan"' }) });
  world.snapshot({ label: 'bad', files: config({ more: ' ui: 1,' }).replace('bind: "loopback", ', '') });
  world.live('');
  expect(await textOf()).not.toContain('bind');
});

test('the live config has the last word where it parses, and its own security settings stay in a minimal plan', async () => {
  world.snapshot({ files: config() });
  const live = config({ token: 'rotated-token-2', bind: '"lan"' });
  world.live(live.replace('"info"', '"info", bogus: 1'));
  expect((await textOf()).replace(/\s+/g, ' ')).toBe(live.replace(/\s+/g, ' '));
});

test('a security setting that is at fault is never taken from a snapshot', async () => {
  world.snapshot({ files: config() });
  world.live(config({ bind: '"bogus"' }));
  expect(await world.plan()).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('gateway.bind is a security setting, and no snapshot may decide it'),
    again: false,
  });
  expect(world.runs()).toHaveLength(1);
});

test('where the newest setting does not validate, no snapshot is put back with an older one', async () => {
  world.snapshot({ files: config() });
  world.snapshot({ files: config({ more: ' ui: 1,' }) });
  world.snapshot({ label: 'recorded', files: config({ bind: '"bogus"' }) });
  world.live('{{{');
  const outcome = await world.plan();
  expect(outcome).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining(
      'with the newer gateway.bind, which stays, OpenClaw refuses it for gateway.bind',
    ),
  });
});

test('a key within a security setting that OpenClaw does not know and the snapshot never had may go', async () => {
  world.snapshot({ files: config() });
  world.live(config().replace('mode: "token"', 'mode: "token", bogus: true').replace('"info"', '"debug"'));
  const text = await textOf();
  expect(text).not.toContain('bogus');
  expect(text).toContain('first-token-1');
  expect(text).toContain('"debug"');
});

test('without a validator nothing is put back that something had to be carried into', async () => {
  world.snapshot({ files: config() });
  world.snapshot({ label: 'recorded', files: config({ token: 'rotated-token-2' }) });
  world.live('');
  const outcome = await world.plan({ place: { packageRoot: null } });
  expect(outcome).toMatchObject({ kind: 'unavailable', again: true });
});

test('a setting is carried from one file into another when it has moved into an include', async () => {
  world.snapshot({ files: config() });
  world.snapshot({
    label: 'recorded',
    files: {
      'openclaw.json': '{ gateway: { $include: "./gateway.json5" }, logging: { level: "info" } }',
      'gateway.json5':
        '{ mode: "local", bind: "loopback", auth: { mode: "token", token: "rotated-token-2" } }',
    },
  });
  world.live('{{{');
  const text = await textOf();
  expect(text).toContain('rotated-token-2');
  expect(text).not.toContain('first-token-1');
});

test('a setting goes into the include that holds it', async () => {
  const main = '{ gateway: { $include: "./gateway.json5" }, logging: { level: "info" } }';
  const part = (token: string) =>
    `{ mode: "local", bind: "loopback", /* mine */ auth: { mode: "token", token: "${token}" } }`;
  world.snapshot({ files: { 'openclaw.json': main, 'gateway.json5': part('first-token-1') } });
  world.snapshot({ label: 'recorded', files: config({ token: 'rotated-token-2' }) });
  world.live('{{{');
  expect(await textOf(join(world.place.stateDir, 'gateway.json5'))).toMatch(
    /\/\* mine \*\/ auth: \{.*rotated-token-2/,
  );
});

const local = (more: string): string => `{gateway:{mode:"local"}${more}}`;

describe('what the newest readable content has closed stays closed', () => {
  const open = ',channels:{telegram:{enabled:true,dmPolicy:"open",allowFrom:["*"],botToken:"OLD"}}';

  test.each([
    ['a channel that was removed', local(open), local(',channels:{}'), local(',channels:{}')],
    ['the only channel, removed with all of channels', local(open), local(''), local(',channels:{}')],
    [
      'a channel that was switched off, with its newer token',
      local(',channels:{telegram:{enabled:true,botToken:"OLD"}}'),
      local(',channels:{telegram:{enabled:false,botToken:"NEW"}}'),
      local(',channels:{telegram:{enabled:false,botToken:"NEW"}}'),
    ],
    [
      'what an any-section switched off',
      local(',ui:{x:{enabled:true}}'),
      local(',ui:{x:{enabled:false}}'),
      local(',ui:{x:{enabled:false}}'),
    ],
    [
      'the tools of the chat, removed as a whole',
      local(',commands:{bash:true,native:true}'),
      local(',logging:{level:"info"}'),
      local(',commands:{native:true}'),
    ],
  ])('%s', async (_name, verified, newer, expected) => {
    world.snapshot({ files: verified });
    world.snapshot({ label: 'recorded', files: newer });
    world.live('{gateway:{mode:"local"');
    expect((await textOf()).replace(/\s+/g, '')).toBe(expected);
  });

  test('a content that collapsed has removed nothing', async () => {
    world.snapshot({ files: local(open) });
    world.snapshot({ label: 'recorded', files: '{}' });
    world.live('{');
    expect(await textOf()).toBe(local(open));
  });

  test('a content that lost its gateway has removed nothing either, however long it is', async () => {
    world.snapshot({ files: local(open) });
    world.snapshot({ label: 'recorded', files: `{ui:"${'x'.repeat(200)}"}` });
    world.live('{');
    expect(await textOf()).toBe(local(open));
  });

  test('what a lost include held was not removed', async () => {
    world.snapshot({ files: local(open) });
    world.live('{gateway:{mode:"local"},channels:{$include:"./gone.json5"},logging:{level:"debug"}}');
    expect(await textOf()).toContain('"*"');
  });

  test('a switch that was written wrongly is not switched on again', async () => {
    world.snapshot({ files: local(',channels:{telegram:{enabled:true}}') });
    world.live(local(',channels:{telegram:{enabled:"no"}}'));
    expect(await world.plan()).toMatchObject({
      because: expect.stringContaining('channels.telegram.enabled'),
    });
  });

  test.each([
    ['true', '"yes"', 'true'],
    ['true', '1', 'true'],
    ['false', '"yes"', 'false'],
    ['false', '0', 'false'],
  ])('a switch that was %s and is %s now is %s again', async (before, now, then) => {
    world.snapshot({ files: local(`,channels:{telegram:{enabled:${before}}}`) });
    world.live(local(`,channels:{telegram:{enabled:${now}}}`));
    expect(await textOf()).toBe(local(`,channels:{telegram:{enabled:${then}}}`));
  });

  test.each(['0', '"off"', 'null', '{}', '"perhaps"'])('but not switched on where %s stands', async (now) => {
    world.snapshot({ files: local(',channels:{telegram:{enabled:true}}') });
    world.live(local(`,channels:{telegram:{enabled:${now}}}`));
    expect(await world.plan()).toMatchObject({ kind: 'unavailable' });
  });

  test('where the newest content seems to have mistyped a guard, the whole config is not put back', async () => {
    world.snapshot({
      files: local(',logging:{level:"info"}').replace('"local"', '"local",auth:{token:"T1"}'),
    });
    world.snapshot({ label: 'recorded', files: '{gateway:{mode:"local",auht:{token:"T1"}}}' });
    world.live('{gateway:{mode:"local"');
    expect(await world.plan()).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining('gateway.auht may be a mistyped gateway.auth'),
    });
  });
});

describe('a key that is taken out may be a mistyped guard', () => {
  const telegram = (more: string): string => local(`,channels:{telegram:{dmPolicy:"allowlist"${more}}}`);
  const gateway = (more: string): string => `{gateway:{mode:"local"${more}}}`;

  test.each([
    [
      'the same under its wrong name',
      gateway(',auth:{token:"T"}'),
      gateway(',auht:{token:"T"}'),
      gateway(',auth:{token:"T"}'),
    ],
    [
      'a shorter allow-list',
      telegram(',allowFrom:["me"]'),
      telegram(',alowFrom:["me","you"]'),
      telegram(',allowFrom:["me"]'),
    ],
    [
      'a longer deny-list',
      local(',agents:{list:[{id:"a",tools:{deny:["x","y"]}}]}'),
      local(',agents:{list:[{id:"a",tool:{deny:["x","y"]}}]}'),
      local(',agents:{list:[{id:"a",tools:{deny:["x","y"]}}]}'),
    ],
  ])('the verified one comes back: %s', async (_name, verified, live, expected) => {
    world.snapshot({ files: verified });
    world.live(live);
    expect((await textOf()).replace(/\s+/g, '')).toBe(expected);
    const outcome = await world.plan();
    expect(outcome.kind === 'ready' ? outcome.explain.blamed : []).toHaveLength(2);
  });

  test.each([
    [
      'an older credential',
      gateway(',auth:{token:"T1"}'),
      gateway(',auht:{token:"T2"}'),
      'gateway.auht may be a mistyped gateway.auth',
    ],
    [
      'a longer allow-list',
      telegram(',allowFrom:["me","you"]'),
      telegram(',alowFrom:["me"]'),
      'channels.telegram.allowFrom',
    ],
    [
      'nothing to go back to',
      telegram(''),
      telegram(',alowFrom:["me"]'),
      'channels.telegram.alowFrom may be',
    ],
    ['a guard of a later version', gateway(''), gateway(',roles:{a:1}'), 'gateway.roles may be'],
    ['a whole section', local(''), local(',tolls:{deny:["exec"]}'), 'tolls may be'],
  ])('it is left to a person: %s', async (_name, verified, live, words) => {
    world.snapshot({ files: verified });
    world.live(live);
    expect(await world.plan()).toMatchObject({
      kind: 'unavailable',
      again: false,
      because: expect.stringContaining(words),
    });
  });

  test('a mistyped channel only closes, and may go', async () => {
    world.snapshot({ files: telegram(',allowFrom:["me"]') });
    world.live(telegram(',allowFrom:["me"]').replace('telegram', 'telegarm'));
    expect((await textOf()).replace(/\s+/g, '')).toBe(telegram(',allowFrom:["me"]'));
    world.live(telegram(',allowFrom:["you"]').replace('telegram', 'telegarm'));
    expect((await textOf()).replace(/\s+/g, '')).toBe(local(',channels:{}'));
  });
});

describe('where the newest contents cannot all be read', () => {
  const secured = (bind: string, token: string, more = ''): string =>
    `{gateway:{mode:"local",bind:"${bind}",auth:{mode:"token",token:"${token}"}}${more}}`;

  test('one that lacks an included file still has the say, however many there are', async () => {
    world.snapshot({ files: secured('lan', 'old-token-1') });
    for (let n = 0; n < 12; n += 1)
      world.snapshot({
        label: 'recorded',
        files: secured('loopback', 'new-token-2', `,ui:{$include:"./gone.json5",n:${n}}`),
      });
    world.live('{gateway:{mode:"local",bind:"loop');
    expect(await textOf()).toBe(secured('loopback', 'new-token-2'));
  });

  test('what a lost file held is taken from the newest content that has it', async () => {
    const main = '{gateway:{mode:"local",$include:"./sec.json5"}}';
    const sec = (token: string) => `{auth:{mode:"token",token:"${token}"}}`;
    world.snapshot({ files: { 'openclaw.json': main, 'sec.json5': sec('old-token-1') } });
    world.snapshot({ label: 'recorded', files: { 'openclaw.json': main, 'sec.json5': sec('new-token-2') } });
    world.snapshot({ label: 'recorded', files: main });
    world.live('{gateway:{mode:"local",$incl');
    expect(await textOf(join(world.home, 'state', 'sec.json5'))).toBe(sec('new-token-2'));
    world.live(main);
    expect(await textOf(join(world.home, 'state', 'sec.json5'))).toBe(sec('new-token-2'));
  });

  test('it is looked for beyond the first few', async () => {
    world.snapshot({ files: secured('lan', 'old-token-1') });
    world.snapshot({ label: 'recorded', files: secured('loopback', 'new-token-2') });
    for (let n = 0; n < 12; n += 1) world.snapshot({ label: 'recorded', files: `{ broken ${n}` });
    world.live('{gateway:{mode:"local",bind:"loop');
    expect(await textOf()).toBe(secured('loopback', 'new-token-2'));
  });

  test('nothing is restored where none that is newer can be read, unless the config in place speaks for itself', async () => {
    world.snapshot({ files: secured('lan', 'old-token-1') });
    const newer = world.snapshot({ label: 'recorded', files: secured('loopback', 'new-token-2') });
    world.spoil(newer.id);
    world.live('{gateway:{mode:"local",bind:"loop');
    expect(await world.plan()).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining(`the newer snapshot ${newer.id.slice(0, 8)}`),
    });
    world.live(secured('loopback', 'new-token-2', ',oops:1'));
    expect((await textOf()).replace(/\s/g, '')).toBe(secured('loopback', 'new-token-2'));
  });
});
