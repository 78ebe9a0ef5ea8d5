import { expect, test } from 'vitest';
import type { ChannelEvidence } from '../../../src/core/ground-evidence.ts';
import type { Instant } from '../../../src/core/time.ts';
import * as ground from '../ground.ts';
import { moment } from '../story.ts';
import { type Transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const born = ground.spawned(200, '00:20');
const with_ = (channels: ChannelEvidence): world.Sight => ground.on(world.serving(born), { channels });
const suppressed = (until: Instant | null): ChannelEvidence => ({
  kind: 'suppressed',
  until,
  because: 'OpenClaw’s breaker tripped after 3 unclean boots',
});

function crashed(): Transcript {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['00:20', '00:30', 2], 'a new process', world.booting(born));
  return t;
}

test('channels held down by OpenClaw’s breaker: "resolved" is not said before they are back', () => {
  const t = crashed();
  t.keepsSeeing(
    ['00:32', '05:30', 10],
    'it serves; its channels are suppressed',
    with_(suppressed(moment('05:30'))),
  );
  t.keepsSeeing(['05:40', '06:00', 10], 'it serves; its channels are back', with_({ kind: 'normal' }));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:20 to 00:30  a new process
        00:20  starting: booting | the gateway has just started; left alone for up to 10 min
    00:32 to 05:30  it serves; its channels are suppressed
        00:32  probation: serving (also channels-suppressed) | serving again for 0 ms; the incident closes after 60
                 s
        00:32  [told] serving, channels suppressed until about 5 min from now: OpenClaw’s breaker tripped after 3
                 unclean boots
    05:40 to 06:00  it serves; its channels are back
        05:40  healthy: serving | the gateway answers and the held connection is accepted
        05:40  [told] what was told before is over (channels-suppressed): the gateway serves
        05:40  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 22 s
  `);
});

test('nobody knows until when: said so', () => {
  const t = crashed();
  t.keepsSeeing(['00:32', '02:30', 10], 'it serves; its channels are suppressed', with_(suppressed(null)));
  expect(t.state.because).toBe(
    'serving, channels suppressed until OpenClaw lifts it: OpenClaw’s breaker tripped after 3 unclean boots; the incident closes when they are back',
  );
  expect(t.state.incident).not.toBeNull();
});

test('whether the channels are up was not asked yet: waited for, not for ever', () => {
  const t = crashed();
  t.keepsSeeing(['00:32', '03:00', 4], 'it serves; nobody asked for its channels', with_({ kind: 'unread' }));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:20 to 00:30  a new process
        00:20  starting: booting | the gateway has just started; left alone for up to 10 min
    00:32 to 03:00  it serves; nobody asked for its channels
        00:32  probation: serving | serving again for 0 ms; the incident closes after 60 s
        02:32  healthy: serving | the gateway answers and the held connection is accepted
        02:32  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 22 s
  `);
});

test('whether the channels are up cannot be told: that holds "resolved" back only for so long', () => {
  const t = crashed();
  t.keepsSeeing(
    ['00:32', '01:42', 10],
    'it serves; its channels cannot be asked for',
    with_({ kind: 'unknown', because: 'an older OpenClaw' }),
  );
  expect(t.state.incident).not.toBeNull();
  t.keepsSeeing(['01:52', '02:32', 10], 'the same', with_({ kind: 'unknown', because: 'an older OpenClaw' }));
  expect(t.state.incident).toBeNull();
});

test('channels of a gateway that does not serve are nobody’s business', () => {
  const t = crashed();
  t.sees(
    '00:40',
    'no process; OpenClaw’s breaker has tripped',
    ground.on(world.relaunching, { channels: suppressed(null) }),
  );
  expect(t.state.also).toEqual([]);
});

test('served for long enough, a repair is there to stay; what was no repair is what it was', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', world.frozen('idle'));
  t.ends('00:33', 'done', 'process 100 ended');
  t.keepsSeeing(['00:36', '03:00', 4], 'it serves; its channels are suppressed', with_(suppressed(null)));
  expect(t.state.incident?.attempts.map(({ outcome }) => outcome)).toEqual(['done']);
});
