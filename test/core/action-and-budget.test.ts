import { describe, expect, test } from 'vitest';
import { minutes, plus } from '../../src/core/time.ts';
import { acting, moment, type Story, tell, tellOfServing } from './story.ts';
import * as world from './world.ts';

describe('one action and its end', () => {
  const restarting = (): Story => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('idle'), 2);
    expect(story.deeds).toEqual(['restart']);
    return story;
  };

  test('while it is in flight looks decide nothing', () => {
    const story = restarting();
    story.hold('00:33', '02:00', world.frozen('idle'));
    story.at('02:05', world.serving(world.second));
    expect(story.deeds).toEqual(['restart']);
    expect(story.phase).toBe('repairing');
  });

  test('an end of another action, or a second end, changes nothing', () => {
    const story = restarting();
    const { state } = story;
    tell(acting, state).ends('00:40', 'done');
    story.ends('00:40', 'done');
    const after = story.state;
    story.ends('00:41', 'failed');
    story.ends('00:42', 'interrupted');
    expect(story.state).toEqual(after);
  });

  test('interrupted: it is not repeated at once, and it stays paid for', () => {
    const story = restarting();
    story.ends('00:40', 'interrupted');
    expect(story.phase).toBe('starting');
    story.hold('00:43', '00:58', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
    expect(story.state.spent).toHaveLength(1);
    story.hold('01:03', '01:03', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart', 'restart']);
    story.ends('01:04', 'interrupted');
    story.hold('01:10', '30:00', world.frozen('idle'));
    expect(story.deeds).toHaveLength(2);
  });

  test('failed: it costs its attempt', () => {
    const story = restarting();
    story.ends('00:40', 'failed');
    expect(story.state.because).toMatch(/the action failed: so it went/);
    expect(story.state.spent).toHaveLength(1);
    expect(story.state.incident?.attempts).toHaveLength(1);
  });

  test('refused: it costs nothing, but refusing for ever ends', () => {
    const story = restarting();
    story.ends('00:32', 'refused');
    expect(story.state.spent).toEqual([]);
    expect(story.state.incident?.attempts).toEqual([]);
    for (let n = 0; n < 120; n += 1) {
      const minute = 1 + Math.floor(n / 2);
      const time = `${minute}:${n % 2 === 0 ? '05' : '35'}`;
      const [m, s] = time.split(':');
      story.hold(time, `${m}:${Number(s) + 25}`, world.frozen('idle'));
      if (story.phase === 'repairing') story.ends(`${m}:${Number(s) + 26}`, 'refused');
    }
    expect(story.deeds).toHaveLength(5);
    expect(story.heard.filter((line) => line.endsWith('exhausted'))).toHaveLength(1);
  });

  test('an outcome that never came is given up on, and judged anew like an interrupted one', () => {
    const story = restarting();
    story.hold('00:33', '04:30', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
    story.hold('04:32', '04:47', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
    story.hold('04:52', '04:52', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart', 'restart']);
  });
});

describe('the budget', () => {
  test('a third action within five minutes waits, and says until when', () => {
    const story = tellOfServing();
    const at = moment('00:00');
    const spent = [
      { actionId: 'A1', at },
      { actionId: 'A2', at: plus(at, minutes(1)) },
    ];
    const later = tell(acting, { ...story.state, spent });
    later.hold('02:00', '04:55', world.frozen('idle'));
    expect(later.deeds).toEqual([]);
    expect(later.state.because).toMatch(/budget of 2 in 5 min is used up, next action in 5 s/);
    later.hold('05:00', '05:00', world.frozen('idle'));
    expect(later.deeds).toEqual(['restart']);
  });

  test('a seventh action within six hours needs a person, and is made when the window lets it', () => {
    const story = tellOfServing();
    const spent = [0, 10, 20, 30, 40, 50].map((n) => ({
      actionId: `A${n}`,
      at: plus(moment('00:00'), minutes(n)),
    }));
    const later = tell(acting, { ...story.state, spent });
    later.hold('1:00:00', '5:59:50', world.frozen('idle'), 10);
    expect(later.deeds).toEqual([]);
    expect(later.heard.map((line) => line.split(' ')[1])).toEqual(['opened', 'exhausted']);
    expect(later.texts.at(-1)).toMatch(
      /the budget of 6 actions in 6 h is used up; the next one is possible in/,
    );
    later.hold('6:00:00', '6:00:00', world.frozen('idle'));
    expect(later.deeds).toEqual(['restart']);
  });

  test('an action that lies in the future counts as just made', () => {
    const story = tellOfServing();
    const at = moment('9:00:00');
    const later = tell(acting, {
      ...story.state,
      spent: [
        { actionId: 'A1', at },
        { actionId: 'A2', at },
      ],
    });
    later.hold('00:13', '10:00', world.frozen('idle'));
    expect(later.deeds).toEqual([]);
  });
});
