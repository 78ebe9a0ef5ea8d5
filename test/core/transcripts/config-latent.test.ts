import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { moment } from '../story.ts';
import { transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;

test('a bad config under a serving gateway: told within seconds, over when it is mended, never touched', () => {
  const t = transcriptOfServing();
  const bad = on(world.serving(), ground.rejected, ground.snapshot());
  t.keepsSeeing(['00:10', '10:00', 10], 'it serves; the config on disk would not start it again', bad);
  t.keepsSeeing(['10:10', '11:00', 10], 'it serves; the config is sound', on(world.serving(), ground.sound));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 10:00  it serves; the config on disk would not start it again
        00:20  healthy: serving (also config-latent) | the gateway answers and the held connection is accepted
        00:20  [told] still running on the old config; the next start would fail: channels.telegram.enabled must be
                 boolean
    10:10 to 11:00  it serves; the config is sound
        10:10  healthy: serving | the gateway answers and the held connection is accepted
        10:10  [told] what was told before is over (config-latent): the gateway serves
  `);
});

test('a bad config that was mended at once is nobody’s business', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:14', 2], 'it serves; a bad config', on(world.serving(), ground.rejected));
  t.keepsSeeing(['00:16', '05:00', 10], 'it serves; a sound config', on(world.serving(), ground.sound));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:14  it serves; a bad config
    00:16 to 05:00  it serves; a sound config
  `);
});

test('a second edit of a bad config is not called over before it is judged', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:20', 5], 'it serves; a bad config', on(world.serving(), ground.rejected));
  t.sees('00:25', 'another content, not judged yet', on(world.serving(), ground.undecided('pending')));
  t.sees('00:30', 'the validator gave no answer', on(world.serving(), ground.undecided('unknown')));
  t.keepsSeeing(['00:35', '00:45', 5], 'it is bad too', on(world.serving(), ground.edited('again')));
  t.sees('00:50', 'it is sound', on(world.serving(), ground.sound));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:20  it serves; a bad config
        00:15  healthy: serving (also config-latent) | the gateway answers and the held connection is accepted
        00:15  [told] still running on the old config; the next start would fail: channels.telegram.enabled must be
                 boolean
    00:25  another content, not judged yet
        00:25  healthy: serving | the gateway answers and the held connection is accepted
    00:30  the validator gave no answer
    00:35 to 00:45  it is bad too
        00:40  healthy: serving (also config-latent) | the gateway answers and the held connection is accepted
        00:40  [told] still running on the old config; the next start would fail: line 7 is half written
    00:50  it is sound
        00:50  healthy: serving | the gateway answers and the held connection is accepted
        00:50  [told] what was told before is over (config-latent): the gateway serves
  `);
});

test('hung over a bad config: a restart would end it for good, so the config comes first and the restart belongs to it', () => {
  const t = transcriptOfServing();
  const hung = on(world.frozen('idle'), ground.sound);
  t.keepsSeeing(
    ['00:13', '00:31', 2],
    'silence; the config on disk is refused',
    on(hung, ground.rejected, ground.snapshot()),
  );
  t.ends('00:33', 'done', 'snapshot 41c7 is in place');
  t.keepsSeeing(['00:35', '00:55', 2], 'silence; the config is sound', on(hung, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'restart']);
  expect(t.paid).toBe(1);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:13 to 00:31  silence; the config on disk is refused
        00:13  suspect: config-invalid | the gateway's process is alive but answers nothing; over 5 s its process
                 used almost no processor time: frozen, and a restart would not bring it back: the gateway's config
                 is invalid: channels.telegram.enabled must be boolean
        00:15  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen, and a restart would not bring it back: the gateway's config is
                 invalid: channels.telegram.enabled must be boolean
        00:31  repairing: config-invalid
        00:31  [action] roll the config back to snapshot 41c7 (A1): the gateway's process is alive but answers
                 nothing; over 5 s its process used almost no processor time: frozen, and a restart would not bring
                 it back: the gateway's config is invalid: channels.telegram.enabled must be boolean
    00:33  A1 done
        00:33  starting: config-invalid | snapshot 41c7 is in place; waiting for the gateway to serve
        00:33  [told] snapshot 41c7 is in place
    00:35 to 00:55  silence; the config is sound
        00:35  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen; acts in 17 s unless it recovers
        00:53  repairing: hung
        00:53  [action] restart the gateway (A2): the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
  `);
});

test('hung over a bad config without a snapshot: no restart, told', () => {
  const t = transcriptOfServing();
  const hung = on(world.frozen('idle'), ground.sound, ground.rejected, ground.noSnapshot);
  t.keepsSeeing(['00:13', '20:13'], 'silence; the config on disk is refused', hung);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:13 to 20:13  silence; the config on disk is refused
        00:13  suspect: config-invalid | the gateway's process is alive but answers nothing; over 5 s its process
                 used almost no processor time: frozen, and a restart would not bring it back: the gateway's config
                 is invalid: channels.telegram.enabled must be boolean; there is no verified snapshot: mend the file
                 by hand
        00:33  exhausted: config-invalid
        00:33  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen, and a restart would not bring it back: the gateway's config is
                 invalid: channels.telegram.enabled must be boolean; there is no verified snapshot: mend the file by
                 hand
        00:33  [exhausted] needs you: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen, and a restart would not bring it back: the gateway's config is
                 invalid: channels.telegram.enabled must be boolean; there is no verified snapshot: mend the file by
                 hand
  `);
});

test('stopped on purpose over a bad config: nothing is rolled back', () => {
  const t = transcriptOfServing();
  const stopped = on(
    world.stoppedByOperator(moment('00:09')),
    ground.sound,
    ground.rejected,
    ground.snapshot(),
  );
  t.keepsSeeing(['00:10', '20:00'], 'stopped by hand; a refused config', stopped);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 20:00  stopped by hand; a refused config
        00:10  suspended (stopped-by-operator): stopped-by-operator (also config-invalid) | stopped by you
                 ("openclaw gateway stop"); "openclaw gateway start" brings it back
  `);
});

test('an edit makes the gateway restart itself: a moment of refused connections over a bad config opens nothing', () => {
  const t = transcriptOfServing();
  const deaf = on(world.deaf(), ground.sound, ground.rejected, ground.snapshot());
  t.keepsSeeing(['00:10', '00:35'], 'the process lives and refuses connections; the config is refused', deaf);
  t.keepsSeeing(
    ['00:40', '02:10', 10],
    'the process lives and refuses connections; the config is refused',
    deaf,
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:35  the process lives and refuses connections; the config is refused
        00:10  starting: config-invalid | the gateway was serving, its process is alive, and it no longer accepts
                 connections, and a restart would not bring it back: the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    00:40 to 02:10  the process lives and refuses connections; the config is refused
        00:40  suspect: config-invalid | the gateway was serving, its process is alive, and it no longer accepts
                 connections, and a restart would not bring it back: the gateway's config is invalid:
                 channels.telegram.enabled must be boolean; acts in 90 s unless it recovers
        00:40  [opened] incident I1: the gateway was serving, its process is alive, and it no longer accepts
                 connections, and a restart would not bring it back: the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
        02:10  repairing: config-invalid
        02:10  [action] roll the config back to snapshot 41c7 (A1): the gateway was serving, its process is alive,
                 and it no longer accepts connections, and a restart would not bring it back: the gateway's config
                 is invalid: channels.telegram.enabled must be boolean
  `);
});

test('one unanswered question over a bad config opens nothing either', () => {
  const t = transcriptOfServing();
  t.sees(
    '00:13',
    'silence; a refused config',
    on(world.frozen('idle'), ground.sound, ground.rejected, ground.snapshot()),
  );
  t.sees('00:15', 'the gateway serves', on(world.serving(), ground.sound, ground.rejected));
  expect(t.state.incident).toBeNull();
  expect(t.read()).not.toContain('[opened]');
});
