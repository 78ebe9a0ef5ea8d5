import { expect, test } from 'vitest';
import type { GroundEvidence } from '../../../src/core/ground-evidence.ts';
import * as ground from '../ground.ts';
import { transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;
const files = (open: number, pid = 100): Partial<GroundEvidence> => ({
  descriptors: { kind: 'read', pid, open, limit: 256 },
});
const bytes = (giga: number, pid = 100): Partial<GroundEvidence> => ({
  memory: { kind: 'read', pid, residentBytes: giga * 1_073_741_824 },
});
const hung = on(world.frozen('pinned'), ground.sound);

test('out of descriptors: one restart, and the reason with it', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:13', '00:31', 2], 'silence; 250 of 256 files are open', on(hung, files(250)));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:13 to 00:31  silence; 250 of 256 files are open
        00:13  suspect: descriptors | the gateway's process is alive but answers nothing; over 5 s its process used
                 a whole processor: its event loop is blocked; it has 250 of 256 files open and can accept nothing
                 more
        00:15  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used a
                 whole processor: its event loop is blocked; it has 250 of 256 files open and can accept nothing
                 more
        00:31  repairing: descriptors
        00:31  [action] restart the gateway (A1): the gateway's process is alive but answers nothing; over 5 s its
                 process used a whole processor: its event loop is blocked; it has 250 of 256 files open and can
                 accept nothing more
  `);
});

test('out of descriptors by its log alone, where nobody could count', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:13', '00:31', 2],
    'silence; "EMFILE" in its log',
    on(hung, ground.says('descriptors', 'EMFILE: too many open files')),
  );
  expect(t.deeds).toEqual(['restart']);
  expect(t.state.cause).toBe('descriptors');
});

test('another process’s descriptors, or plenty of its own, say nothing', () => {
  const t = transcriptOfServing();
  t.sees('00:13', 'silence', on(hung, files(250, 4711)));
  expect(t.state.cause).toBe('hung');
  t.sees('00:15', 'silence', on(hung, files(200), ground.says('descriptors', 'EMFILE')));
  expect(t.state.cause).toBe('hung');
});

test('a memory runaway that still serves is told; once it answers nothing it is restarted', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'it serves with 0.7 GB', on(world.serving(), ground.sound, bytes(0.7)));
  t.sees('1:00:00', 'it serves with 4.5 GB', on(world.serving(), ground.sound, bytes(4.5)));
  t.sees('2:00:00', 'it serves with 9 GB', on(world.serving(), ground.sound, bytes(9)));
  t.keepsSeeing(['2:00:13', '2:00:31', 2], 'silence; 9 GB', on(hung, bytes(9)));
  expect(t.deeds).toEqual(['restart']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  it serves with 0.7 GB
    1:00:00  it serves with 4.5 GB
      1:00:00  healthy: serving (also memory-runaway) | the gateway answers and the held connection is accepted
      1:00:00  [told] the gateway's memory has grown from 717 MB to 4.5 GB in 60 min
    2:00:00  it serves with 9 GB
    2:00:13 to 2:00:31  silence; 9 GB
      2:00:13  suspect: memory-runaway | the gateway's process is alive but answers nothing; over 5 s its process
                 used a whole processor: its event loop is blocked; the gateway's memory has grown from 717 MB to 9
                 GB in 2 h
      2:00:15  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used a
                 whole processor: its event loop is blocked; the gateway's memory has grown from 717 MB to 9 GB in 2
                 h
      2:00:31  repairing: memory-runaway
      2:00:31  [action] restart the gateway (A1): the gateway's process is alive but answers nothing; over 5 s its
                 process used a whole processor: its event loop is blocked; the gateway's memory has grown from 717
                 MB to 9 GB in 2 h
  `);
});

test('a large installation that does not grow is no runaway', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'it serves with 5 GB', on(world.serving(), ground.sound, bytes(5)));
  t.sees('2:00:00', 'it serves with 9.9 GB', on(world.serving(), ground.sound, bytes(9.9)));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  it serves with 5 GB
    2:00:00  it serves with 9.9 GB
  `);
});

test('the memory of the life before says nothing of this one', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'it serves with 1 GB', on(world.serving(), ground.sound, bytes(1)));
  t.sees(
    '00:20',
    'a new life serves with 5 GB',
    on(world.serving(world.second), ground.sound, bytes(5, 200)),
  );
  expect(t.state.also).toEqual([]);
  expect(t.state.memory).toMatchObject({ pid: 200, firstBytes: t.state.memory?.lastBytes });
});
