import { describe, expect, it } from 'vitest';
import { statusJson } from '../../src/cli/status/json.ts';
import { renderStatus, statusKey } from '../../src/cli/status/render.ts';
import type { StatusFacts } from '../../src/cli/status/view.ts';
import { hours } from '../../src/core/time.ts';
import type { ArchivesView } from '../../src/daemon/status-file.ts';
import { earlier, facts, statusFile } from './status-facts.ts';

const view: ArchivesView = { newestAt: earlier(hours(49)), version: '2026.9.6', problem: null };
const withView = (archives: ArchivesView | null | undefined): StatusFacts =>
  facts({
    file: { kind: 'read', status: statusFile({}, archives === undefined ? {} : { archives }) },
  });
const line = (shown: StatusFacts): string =>
  renderStatus(shown)
    .split('\n')
    .find((text) => text.startsWith('archives')) ?? '';

describe('the archives in the status', () => {
  it.each<[string, ArchivesView | null | undefined, string]>([
    ['age and version of the newest', view, 'newest 2 days old, verified, of OpenClaw 2026.9.6'],
    [
      'that there is none of the installed version',
      { ...view, version: '2026.6.6' },
      'of OpenClaw 2026.6.6; none of the installed 2026.9.6 yet: ',
    ],
    ['that there is none', { newestAt: null, version: null, problem: null }, 'none yet: until then'],
    ['nothing where nothing is known', null, ''],
    ['nothing where an older watchdog wrote the status', undefined, ''],
  ])('tell %s', (_name, archives, words) => {
    const shown = line(withView(archives));
    expect(shown).toContain(words);
    expect(shown === '').toBe(words === '');
  });

  it('tell of a problem, which is a change worth a line', () => {
    const broken = withView({ ...view, problem: 'the disk is full' });
    expect(renderStatus(broken)).toContain(
      'the archives need a look ("immune archives"): the disk is full\n',
    );
    expect(statusKey(broken)).not.toBe(statusKey(withView(view)));
  });

  it('are in the JSON, known or not', () => {
    expect(statusJson(withView({ ...view, problem: 'gone' }))).toMatchObject({
      archives: {
        newest: '2026-11-20T11:00:00.000Z',
        openclaw: '2026.9.6',
        problems: ['the archives need a look ("immune archives"): gone'],
      },
    });
    expect(statusJson(facts({ file: { kind: 'missing' } }))).toMatchObject({
      archives: { newest: null, openclaw: null, problems: [] },
    });
  });
});
