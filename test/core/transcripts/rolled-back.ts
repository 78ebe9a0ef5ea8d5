import { initialState, type State } from '../../../src/core/state.ts';
import * as ground from '../ground.ts';
import { acting } from '../story.ts';
import { type Transcript, transcript } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;
export const down = on(world.relaunching, ground.sound);
export const refused = on(down, ground.rejected, ground.snapshot());

/** The config is rolled back and the gateway started, and its starts go on failing. */
export function rolledBack(before: State = initialState): Transcript {
  const t = transcript(acting, before);
  t.sees('00:00', 'the gateway serves', world.serving());
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['00:12', '00:22', 10], 'no process; a refused config', refused);
  t.ends('00:23', 'done', 'snapshot 41c7 is in place');
  t.sees('00:24', 'the config is sound', on(down, ground.restored));
  t.ends('00:25', 'done', 'kickstarted');
  return t;
}

export const failures = [
  ['00:26', '00:28', 200],
  ['00:36', '00:38', 300],
  ['00:46', '00:48', 400],
  ['00:56', '00:58', 500],
] as const;

export function startsFail(t: Transcript, seen: world.Sight, times: number = failures.length): void {
  for (const [spawned, ended, pid] of failures.slice(0, times)) {
    t.sees(
      spawned,
      'a new process',
      on(world.booting(ground.spawned(pid, spawned)), seen(world.dawn).ground),
    );
    t.sees(ended, 'it ended', seen);
  }
}
