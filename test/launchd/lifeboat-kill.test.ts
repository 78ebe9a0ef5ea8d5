import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Boat,
  makeBoat,
  makePackage,
  onlyTools,
  program,
  shells,
  usualTools,
  verified,
} from './lifeboat-place.ts';

let boat: Boat;
let tools: string;
beforeEach(async () => {
  boat = await makeBoat();
  tools = onlyTools(join(boat.root, 'tools'), usualTools);
  boat.facts({ path: tools });
});
afterEach(() => boat.stop());

const good = '{ gateway: { mode: "local" } }\n';
const broken = '{ gateway: { mode: \n';

/** More calls than any of these verbs makes. */
const mostCalls = 60;

/** From now on the shell that makes the n-th change is killed right after it. */
function killAt(call: number): void {
  const made = join(boat.root, 'made');
  rmSync(made, { force: true });
  rmSync(join(boat.root, 'killed'), { force: true });
  for (const name of ['mv', 'cp', 'ln', 'rm', 'chmod', 'cat', 'mkdir']) {
    const real = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find(existsSync) ?? '/nowhere';
    rmSync(join(tools, name), { force: true });
    program(
      join(tools, name),
      `echo >>'${made}'
'${real}' "$@"; code=$?
[ "$(wc -l <'${made}')" -ne ${call} ] || { echo >'${boat.root}/killed'; kill -9 "$PPID"; }
exit "$code"`,
    );
  }
}
const wasKilled = (): boolean => existsSync(join(boat.root, 'killed'));
const neverKill = (): void => killAt(100_000);

const all = (folder: string): readonly string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' });
const texts = (folder: string): readonly string[] =>
  all(folder).flatMap((name) => {
    try {
      return [readFileSync(join(folder, name), 'utf8')];
    } catch {
      // A folder.
      return [];
    }
  });

const slow = { timeout: 240_000 };

describe.each(shells)('the lifeboat, run by %s and killed after any of its changes,', (name, shell) => {
  // Each shell takes every other place: what is between two changes is the same in both.
  const first = name === 'dash' ? 1 : 2;
  it('leaves the old config or the new one, and undo brings the old one back', slow, async () => {
    await verified(boat, good);
    let killed = 0;
    for (let call = first; call <= mostCalls; call += 2) {
      rmSync(join(boat.data, 'quarantine'), { recursive: true, force: true });
      writeFileSync(boat.config, broken);
      chmodSync(boat.config, 0o604);
      killAt(call);
      await boat.run(shell, 'fix-config', '--yes');
      if (!wasKilled()) break;
      killed += 1;
      neverKill();
      const now = readFileSync(boat.config, 'utf8');
      expect([good, broken], `call ${call}`).toContain(now);
      if (now === good) expect(texts(join(boat.data, 'quarantine')), `call ${call}`).toContain(broken);
      const undone = await boat.run(shell, 'undo', '--yes');
      expect(`${call} ${undone.code} ${undone.out}`).toMatch(/^\d+ 0 /);
      expect(existsSync(boat.config), `call ${call}: ${undone.out}`).toBe(true);
      expect(readFileSync(boat.config, 'utf8'), `call ${call}: ${undone.out}`).toBe(broken);
      expect((await boat.run(shell, 'fix-config', '--yes')).code, `call ${call}`).toBe(0);
      expect(readFileSync(boat.config, 'utf8')).toBe(good);
      expect(readdirSync(dirname(boat.config)).sort(), `call ${call}`).toEqual(['logs', 'openclaw.json']);
    }
    expect(killed).toBeGreaterThan(3);
    expect(killed).toBeLessThan(mostCalls);
  });

  it('loses no folder that stood where the config should be', slow, async () => {
    await verified(boat, good);
    for (let call = first; call <= mostCalls; call += 2) {
      rmSync(join(boat.data, 'quarantine'), { recursive: true, force: true });
      rmSync(boat.config, { recursive: true, force: true });
      mkdirSync(boat.config);
      writeFileSync(join(boat.config, 'kept'), 'PRECIOUS');
      killAt(call);
      await boat.run(shell, 'fix-config', '--yes');
      if (!wasKilled()) break;
      neverKill();
      expect(texts(boat.root), `call ${call}`).toContain('PRECIOUS');
      const undone = await boat.run(shell, 'undo', '--yes');
      expect(`${call} ${undone.code} ${undone.out}`).toMatch(/^\d+ 0 /);
      expect(existsSync(join(boat.config, 'kept')), `call ${call}: ${undone.out}`).toBe(true);
    }
  });

  it('leaves the old package, the new one, or none that the next command puts back', slow, async () => {
    const hot = join(boat.data, 'archives', 'hot', '2026.9.6', 'openclaw');
    makePackage(hot, '2026.9.6');
    for (let call = first; call <= mostCalls; call += 2) {
      rmSync(join(boat.data, 'quarantine'), { recursive: true, force: true });
      rmSync(boat.pack, { recursive: true, force: true });
      makePackage(boat.pack, '2026.9.6');
      rmSync(join(boat.pack, 'node_modules', 'ws'), { recursive: true });
      writeFileSync(join(boat.pack, 'mine'), 'PRECIOUS');
      killAt(call);
      await boat.run(shell, 'fix-deps', '--yes');
      if (!wasKilled()) break;
      neverKill();
      expect(texts(boat.root), `call ${call}`).toContain('PRECIOUS');
      const done = await boat.run(shell, 'fix-deps', '--yes');
      expect(`${call} ${done.code} ${done.out}`).toMatch(/^\d+ 0 /);
      expect(existsSync(join(boat.pack, 'node_modules', 'ws')), `call ${call}`).toBe(true);
      expect(readdirSync(dirname(boat.pack)), `call ${call}`).toEqual(['openclaw']);
      expect(texts(boat.root), `call ${call}`).toContain('PRECIOUS');
    }
  });

  it('takes an undo up again', slow, async () => {
    await verified(boat, good);
    for (let call = first; call <= mostCalls; call += 2) {
      neverKill();
      rmSync(join(boat.data, 'quarantine'), { recursive: true, force: true });
      writeFileSync(boat.config, broken);
      await boat.run(shell, 'fix-config', '--yes');
      const [change = ''] = boat.kept();
      killAt(call);
      await boat.run(shell, 'undo', change, '--yes');
      if (!wasKilled()) break;
      neverKill();
      expect([good, broken], `call ${call}`).toContain(readFileSync(boat.config, 'utf8'));
      const again = await boat.run(shell, 'undo', change, '--yes');
      expect(`${call} ${again.code} ${again.out}`).toMatch(/^\d+ 0 /);
      expect(readFileSync(boat.config, 'utf8'), `call ${call}`).toBe(broken);
    }
  });
});
