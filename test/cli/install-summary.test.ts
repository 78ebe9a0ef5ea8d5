import { expect, it } from 'vitest';
import type { Ground } from '../../src/cli/install/context.ts';
import { lastWords } from '../../src/cli/install/summary.ts';
import type { Target } from '../../src/cli/install/target.ts';

const words = (alerts: boolean, path = '/home/me/.local/bin'): readonly string[] =>
  lastWords({
    target: {
      link: { path: '/home/me/.local/bin/immune', target: '/home/me/Our Data/bin/immune' },
    } as unknown as Target,
    ground: { paths: { logs: '/logs', config: '/data/config.json5' } } as unknown as Ground,
    mode: 'act',
    path,
    linked: path.includes('.local'),
    alerts,
  });

it('the installer offers a test of the channels where the settings name one', () => {
  expect(words(true)).toContain('  immune alerts test      a test message to each of your channels');
  expect(words(true, '/usr/bin').join('\n')).toContain("  '/home/me/Our Data/bin/immune' alerts test");
  expect(words(false).join('\n')).not.toContain('alerts');
  expect(words(false)).toContain('  immune status');
  // The watchdog runs: there is nothing to start.
  expect(words(true).join('\n')).not.toContain('launchctl');
});
