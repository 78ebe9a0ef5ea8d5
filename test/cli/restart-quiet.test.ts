import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runRestart } from '../../src/cli/restart.ts';
import { restartParts } from '../../src/cli/restart-parts.ts';
import type { AlertBook } from '../../src/core/alert-book.ts';
import { nobody } from './change-world.ts';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

let world: OperatorWorld;
beforeEach(async () => {
  world = await operatorWorld();
});
afterEach(() => world.remove());

it('what a restart did in the absence of the watchdog is told by no alert of the next one', async () => {
  const ask = { dryRun: false, yes: true, json: false, force: false };
  expect(await runRestart(ask, restartParts(world.context, nobody))).toBe(0);
  const said = world.journal().flatMap(({ notices }) => notices);
  expect(said.map(({ kind, asked }) => [kind, asked])).toEqual([
    ['opened', true],
    ['action', true],
  ]);
  const watchdog = await world.watchdog();
  const until = Date.now() + 60_000;
  while (!world.journal().some(({ notices }) => notices.some(({ kind }) => kind === 'resolved'))) {
    if (Date.now() > until) throw new Error('the incident did not end');
    await new Promise((later) => setTimeout(later, 50));
  }
  await watchdog.stop();
  const book = JSON.parse(readFileSync(join(world.context.paths.state, 'alerts.json'), 'utf8')) as AlertBook;
  expect(book.entries).toEqual([]);
  expect(book.reasons.map(({ code }) => code)).toEqual(['asked-by-operator']);
}, 120_000);
