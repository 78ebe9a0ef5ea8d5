import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { type Transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;

function lost(): Transcript {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  return t;
}

test('a plugin that is incomplete while a start drags on: told, never restarted', () => {
  const t = lost();
  const born = ground.spawned(300, '00:20');
  t.keepsSeeing(
    ['00:20', '11:00', 10],
    'a process that does not listen; a plugin is incomplete',
    on(world.booting(born), ground.sound, ground.brokenPlugin),
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:20 to 11:00  a process that does not listen; a plugin is incomplete
        00:20  starting: booting (also plugin-broken) | the gateway has just started; left alone for up to 10 min
        10:20  exhausted: plugin-broken
        10:20  [exhausted] needs you: the gateway's process has lived for more than 10 min without listening; the
                 plugin @openclaw/feishu is incomplete (its package is not there): "openclaw plugins install" puts
                 it back
  `);
});

test('OpenClaw mends the plugin itself: left alone, and told when that takes longer than a boot may', () => {
  const t = lost();
  const born = ground.spawned(300, '00:20');
  const converging = on(
    world.booting(born),
    ground.sound,
    ground.brokenPlugin,
    ground.says('plugin-converging', 'repairing @openclaw/feishu'),
  );
  t.keepsSeeing(
    ['00:20', '09:00', 10],
    'a process that does not listen; OpenClaw repairs a plugin',
    converging,
  );
  t.keepsSeeing(['09:10', '10:10', 10], 'the gateway serves', world.serving(born));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:20 to 09:00  a process that does not listen; OpenClaw repairs a plugin
        00:20  starting: booting (also plugin-broken) | the gateway has just started; left alone for up to 10 min
    09:10 to 10:10  the gateway serves
        09:10  probation: serving | serving again for 0 ms; the incident closes after 60 s
        10:10  healthy: serving | the gateway answers and the held connection is accepted
        10:10  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for 9
                 min
  `);
});

test('OpenClaw mends the plugin for longer than a boot may take: still never restarted', () => {
  const t = lost();
  const born = ground.spawned(300, '00:20');
  const converging = on(
    world.booting(born),
    ground.sound,
    ground.brokenPlugin,
    ground.says('plugin-converging', 'repairing @openclaw/feishu'),
  );
  t.keepsSeeing(
    ['00:20', '30:00', 10],
    'a process that does not listen; OpenClaw repairs a plugin',
    converging,
  );
  expect(t.deeds).toEqual([]);
  expect(t.state.because).toContain('OpenClaw is repairing it');
});

test('a plugin that is incomplete under a serving gateway is told', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '10:00', 10],
    'it serves; a plugin is incomplete',
    on(world.serving(), ground.sound, ground.brokenPlugin),
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 10:00  it serves; a plugin is incomplete
        00:10  healthy: serving (also plugin-broken) | the gateway answers and the held connection is accepted
        00:10  [told] the plugin @openclaw/feishu is incomplete (its package is not there): "openclaw plugins
                 install" puts it back
  `);
});

test('a boot that drags on over an incomplete plugin and a refused config: the config is mended, the process is left alone', () => {
  const t = lost();
  const born = ground.spawned(300, '00:20');
  const both = on(world.booting(born), ground.sound, ground.brokenPlugin, ground.rejected, ground.snapshot());
  t.keepsSeeing(
    ['00:20', '10:40', 10],
    'a process that does not listen; a plugin and the config are broken',
    both,
  );
  expect(t.deeds).toEqual(['rollback']);
  t.ends('10:41', 'done', 'snapshot 41c7 is in place');
  t.keepsSeeing(
    ['10:42', '20:00', 10],
    'a process that does not listen; the plugin is broken',
    on(both, ground.restored),
  );
  expect(t.deeds).toEqual(['rollback']);
  expect(t.state.phase).toEqual({ kind: 'exhausted', cause: 'plugin-broken' });
});
