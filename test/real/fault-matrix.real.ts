import { afterAll, describe, expect, test } from 'vitest';
import type { Fault } from './faults/fault.ts';
import { faults } from './faults/index.ts';
import { tryFault } from './faults/matrix-case.ts';
import { keepRow, type MatrixRow } from './faults/matrix-rows.ts';
import { type MatrixWorld, makeWorld } from './faults/matrix-world.ts';
import { newestVersion, olderVersion } from './places.ts';
import { show } from './scenario.ts';

// The fault matrix: every way to break the real gateway that we know of, and what a watchdog that only observes makes of
// it. One gateway and one watchdog for a whole version; durations of the policy are shortened (see matrix-world.ts). On the
// newest version those that a scenario makes as well, with the same name asserted, are left to that without --all.

/** Of the older version only these are made without --all: something dead, something in the config or the package. */
const smoke: ReadonlySet<string> = new Set([
  'killed with SIGKILL',
  'config, gateway down: an unknown key',
  'the dependency json5 is gone',
]);

const everything = process.env['OPENCLAW_IMMUNE_TEST_ALL'] !== undefined;

for (const version of [newestVersion, olderVersion]) matrixOf(version);

function matrixOf(version: string): void {
  describe(`fault matrix of ${version}`, () => {
    let world: MatrixWorld | null = null;

    const end = async (): Promise<void> => {
      const ending = world;
      world = null;
      await ending?.gateway.stop();
    };
    afterAll(end);

    const made = faultsOf(version).filter(
      ({ name, elsewhere }) =>
        everything || (version === newestVersion ? elsewhere !== true : smoke.has(name)),
    );
    for (const fault of made) {
      test(fault.name, async () => {
        world ??= await makeWorld(version);
        try {
          const row = await tryFault(world, fault);
          keepRow(row);
          console.log(
            `           ${row.named.join(' > ')}: ${row.diagnosed.join(' + ')}, ${row.ends.join(' + ')}`,
          );
          expectRight(row, fault);
        } catch (error) {
          showAll(world);
          // What a failed case left behind must not fail the next one.
          await end();
          throw error;
        }
      });
    }
  });
}

function expectRight({ diagnosed, besides, ends, said }: MatrixRow, fault: Fault): void {
  const told = said.join('\n');
  const named = diagnosed.some((cause) => fault.causes.includes(cause));
  expect(named, `diagnosed as ${diagnosed}, not as ${fault.causes}\n${told}`).toBe(true);
  expect(besides, told).toEqual([]);
  if (fault.says !== undefined) expect(told).toMatch(fault.says);
  const allowed = [...fault.ends, ...(fault.before ?? [])];
  expect(
    ends.filter((how) => !allowed.includes(how)),
    told,
  ).toEqual([]);
  expect(
    ends.some((how) => fault.ends.includes(how)),
    `ended with ${ends}`,
  ).toBe(true);
}

const faultsOf = (version: string): readonly Fault[] =>
  faults
    .filter(({ versions }) => versions?.includes(version) ?? true)
    .map((fault) => (version === olderVersion ? { ...fault, ...fault.older } : fault));

function showAll({ gateway, watchdog }: MatrixWorld): void {
  show('gateway.log', gateway.log());
  show('gateway-restart.log', gateway.audit());
  show('watchdog.log', watchdog.log());
  show('status.json', JSON.stringify(watchdog.statusFile(), null, 1));
}
