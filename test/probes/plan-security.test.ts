import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
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

test('a security key that OpenClaw does not know and the snapshot never had may go', async () => {
  world.snapshot({ files: config() });
  world.live(
    config().replace('mode: "token"', 'mode: "token", allowBogus: true').replace('"info"', '"debug"'),
  );
  const text = await textOf();
  expect(text).not.toContain('allowBogus');
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
