import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runApply } from '../../src/cli/apply.ts';
import type { ApplyAsk } from '../../src/cli/change-words.ts';
import { runConfirm } from '../../src/cli/confirm.ts';
import { runEdit } from '../../src/cli/edit.ts';
import { followTrial } from '../../src/cli/follow-trial.ts';
import { runUndo } from '../../src/cli/undo/undo.ts';
import { runValidate } from '../../src/cli/validate.ts';
import { millis, minutes } from '../../src/core/time.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { readTrial } from '../../src/daemon/trial-file.ts';
import { readKept } from '../../src/vault/kept.ts';
import { type ChangeWorld, changeWorld, nobody, oldConfig, person, secret } from './change-world.ts';
import { statusFile } from './status-facts.ts';

const good = `{ "gateway": { "mode": "local", "port": 18790, "auth": { "token": "${secret}" } } }`;
const undo = (id: string) => runUndo({ id, yes: false, dryRun: false, json: false }, world.context, nobody);
const refused = `{ "gateway": { "mode": "local" }, "logging": { "level": "refused" } }`;
const doomed = `{ "gateway": { "mode": "local" }, "logging": { "level": "cannot-boot" } }`;

let world: ChangeWorld;
beforeEach(async () => {
  world = await changeWorld();
});
afterEach(() => world.remove());

const ask = (file: string, change: Partial<ApplyAsk> = {}): ApplyAsk => ({
  file,
  confirmWithinMs: null,
  restart: false,
  dryRun: false,
  yes: true,
  json: false,
  ...change,
});

describe('validate', () => {
  it('says that the live config is valid, and what the installed OpenClaw refuses, by key', async () => {
    expect(await runValidate({ file: null, json: false }, world.context)).toBe(0);
    expect(world.written()).toBe(
      `${world.configPath}\nvalid: it reads as a config, and OpenClaw 2026.9.6 accepts it\n`,
    );
    const file = world.file('candidate.json', refused);
    expect(await runValidate({ file, json: false }, world.context)).toBe(3);
    expect(world.written()).toContain('  logging.level: Invalid option');
    expect(world.written()).not.toContain(secret);
  });

  it('does not wait for a named pipe in the place of an included file', async () => {
    execFileSync('mkfifo', [join(dirname(world.configPath), 'pipe.json5')]);
    const file = world.file('candidate.json', good.replace('{', '{ "$include": "./pipe.json5",'));
    expect(await runValidate({ file, json: false }, world.context)).toBe(3);
    expect(world.written()).toMatch(/invalid: .*pipe\.json5 that the config includes cannot be used/);
  });

  it('finds a config that is nested too deeply invalid, be it a file or the live one', async () => {
    const deep = good.replace('{', `{ "ui": ${'['.repeat(3_000)}${']'.repeat(3_000)},`);
    const file = world.file('candidate.json', deep);
    expect(await runValidate({ file, json: false }, world.context)).toBe(3);
    expect(world.written()).toContain(`invalid: ${file} is nested too deeply`);
    world.put(deep);
    expect(await runValidate({ file: null, json: false }, world.context)).toBe(3);
    expect(world.written()).toMatch(/invalid: .*openclaw\.json could not be judged: it is nested too deeply/);
    // What could be put in its place is judged all the same.
    expect(await runValidate({ file: world.file('good.json', good), json: false }, world.context)).toBe(0);
    expect(await runApply(ask(world.file('good.json', good), { dryRun: true }), world.context, nobody)).toBe(
      0,
    );
  });

  it('does not judge what includes a file beside the real config by another way than through the link', async () => {
    const real = world.file('real.json', good);
    const included = world.file('beside.json5', '{}');
    rmSync(world.configPath);
    symlinkSync(real, world.configPath);
    const file = world.file('candidate.json', good.replace('{', `{ "$include": "${included}",`));
    expect(await runValidate({ file, json: false }, world.context)).not.toBe(0);
    expect(world.written()).toMatch(/not judged: .*beside\.json5 is included by another way/);
    writeFileSync(real, good.replace('{', `{ "$include": "${included}",`));
    expect(await runValidate({ file: world.file('good.json', good), json: false }, world.context)).toBe(0);
  });

  it('does not ask OpenClaw about what does not even read as a config, and names path and problem', async () => {
    world.breakValidator();
    const broken = world.file('candidate.json', '{ "gateway": ');
    expect(await runValidate({ file: broken, json: true }, world.context)).toBe(3);
    const told = JSON.parse(world.written());
    expect(told).toMatchObject({ valid: false, path: broken, validator: { kind: 'not-asked' } });
    expect(told.structure.because).toContain(broken);
    const modeless = world.file('modeless.json', '{ "gateway": { "port": 1 } }');
    expect(await runValidate({ file: modeless, json: false }, world.context)).toBe(3);
    expect(world.written()).toMatch(/invalid: .*gateway\.mode/);
  });

  it('says clearly that OpenClaw could not be asked', async () => {
    world.breakValidator();
    expect(await runValidate({ file: null, json: false }, world.context)).toBe(3);
    expect(world.written()).toMatch(/not judged: it reads as a config, but OpenClaw's validator could not/);
  });

  it('judges a candidate elsewhere beside the live files it includes', async () => {
    const file = world.file(
      'candidate.json',
      '{ "$include": "./more.json5", "gateway": { "mode": "local" } }',
    );
    expect(await runValidate({ file, json: false }, world.context)).toBe(3);
    expect(world.written()).toContain('more.json5');
    world.file('.openclaw/more.json5', '{ logging: {} }');
    expect(await runValidate({ file, json: false }, world.context)).toBe(0);
  });

  it('refuses a file that is not there', async () => {
    await expect(runValidate({ file: '/nowhere/x.json', json: false }, world.context)).rejects.toMatchObject({
      message: 'there is no /nowhere/x.json',
      exitCode: 2,
    });
  });
});

describe('apply', () => {
  it('shows the keys that change without their values, asks, and follows the change until it holds', async () => {
    await world.watchdog();
    const someone = person([true]);
    expect(await runApply(ask(world.file('new.json', good), { yes: false }), world.context, someone)).toBe(0);
    expect(someone.asked).toEqual([`Put it in place of ${world.configPath}?`]);
    expect(world.live()).toBe(good);
    expect(world.written()).toContain('  gateway.port was changed\n');
    expect(world.written()).toMatch(/the change T1 of the config holds: .*; undo with "immune undo T1"\n$/);
    expect(world.written()).not.toContain(secret);
    expect(await undo('T1')).toBe(0);
    expect(world.live()).toBe(oldConfig);
    expect(await readKept(world.context.paths.quarantine, 'T1')).toMatchObject({
      record: { undoneFor: 'asked' },
    });
  });

  it('ends with 3 when it was taken back', async () => {
    await world.watchdog();
    expect(await runApply(ask(world.file('new.json', doomed)), world.context, nobody)).toBe(3);
    expect(world.live()).toBe(oldConfig);
    expect(world.written()).toContain('was taken back');
    expect(await readKept(world.context.paths.quarantine, 'T1')).toMatchObject({
      record: { state: 'undone', undoneFor: 'unhelpful' },
    });
  });

  it('tells it all as one JSON object', async () => {
    await world.watchdog();
    const code = await runApply(ask(world.file('new.json', good), { json: true }), world.context, nobody);
    expect(code).toBe(0);
    expect(JSON.parse(world.written())).toMatchObject({
      version: 1,
      outcome: 'holds',
      trial: 'T1',
      changes: ['gateway.port was changed'],
    });
  });

  it('with a confirmation to come says until when, and ends; confirm keeps it', async () => {
    const watchdog = await world.watchdog();
    const file = world.file('new.json', good);
    expect(await runApply(ask(file, { confirmWithinMs: minutes(2) }), world.context, nobody)).toBe(0);
    expect(world.written()).toMatch(
      /confirm with "immune confirm" before \d\d:\d\d:\d\d, or it is taken back\n$/,
    );
    expect(await runConfirm(world.context)).toBe(0);
    await watchdog.settled();
    expect(world.live()).toBe(good);
    await expect(runConfirm(world.context)).rejects.toMatchObject({ exitCode: 4 });
  });

  it('is taken back without a confirmation, with nobody watching', async () => {
    const watchdog = await world.watchdog();
    const file = world.file('new.json', good);
    expect(await runApply(ask(file, { confirmWithinMs: millis(300) }), world.context, nobody)).toBe(0);
    await watchdog.settled();
    expect(world.live()).toBe(oldConfig);
  });

  it.each([
    ['an invalid one', refused, {}, 'invalid', 4],
    ['one that does not parse', '{', {}, 'invalid', 4],
    ['one that nobody says yes to', good, { yes: false }, 'no-consent', 4],
  ])('refuses %s and changes nothing', async (_name, text, change, code, exitCode) => {
    await world.watchdog();
    const file = world.file('new.json', text);
    await expect(runApply(ask(file, change), world.context, nobody)).rejects.toMatchObject({
      code,
      exitCode,
    });
    expect(world.live()).toBe(oldConfig);
    expect((await readTrial(world.context.paths.state)).kind).toBe('none');
  });

  it('is refused by a person who says no', async () => {
    await world.watchdog();
    const file = world.file('new.json', good);
    await expect(runApply(ask(file, { yes: false }), world.context, person([false]))).rejects.toMatchObject({
      code: 'declined',
    });
    expect(world.live()).toBe(oldConfig);
  });

  it('refuses without a watchdog, for nobody would take it back', async () => {
    const file = world.file('new.json', good);
    await expect(runApply(ask(file), world.context, nobody)).rejects.toMatchObject({
      code: 'no-daemon',
      exitCode: 3,
      hint: './install.sh',
    });
    expect(world.live()).toBe(oldConfig);
  });

  it('only tells in a dry run, and has nothing to do with what is there already', async () => {
    const file = world.file('new.json', good);
    expect(await runApply(ask(file, { dryRun: true }), world.context, nobody)).toBe(0);
    expect(world.written()).toMatch(/gateway\.port was changed\nnothing was changed\n$/);
    expect(existsSync(join(world.context.paths.state, 'plans'))).toBe(false);
    expect(await runApply(ask(world.file('same.json', oldConfig)), world.context, nobody)).toBe(0);
    expect(world.written()).toContain('nothing to do');
    expect(world.live()).toBe(oldConfig);
  });

  it('tells of what is there already that it is on trial', async () => {
    await world.watchdog();
    const file = world.file('new.json', good);
    const confirmWithinMs = minutes(5);
    await runApply(ask(file, { confirmWithinMs, json: true }), world.context, nobody);
    world.written();
    expect(await runApply(ask(file), world.context, nobody)).toBe(0);
    expect(world.written()).toContain(
      'holds already: it is on trial as T1, and is taken back unless "immune confirm" keeps it',
    );
  });

  it('goes on where OpenClaw could not be asked, and says so: the trial still takes it back', async () => {
    await world.watchdog();
    world.breakValidator();
    expect(await runApply(ask(world.file('new.json', good)), world.context, nobody)).toBe(0);
    expect(world.written()).toContain('not judged');
  });

  it('is interrupted while OpenClaw is being asked, and has changed nothing', async () => {
    await world.watchdog();
    world.interrupt();
    await expect(runApply(ask(world.file('new.json', good)), world.context, nobody)).rejects.toMatchObject({
      exitCode: 130,
    });
    expect(world.live()).toBe(oldConfig);
  });

  it('leaves the watching to the watchdog when its terminal goes away', async () => {
    await world.watchdog();
    const file = world.file('new.json', good);
    await runApply(ask(file, { confirmWithinMs: minutes(2) }), world.context, nobody);
    world.interrupt();
    expect(await followTrial('T1', world.context, () => undefined)).toMatchObject({
      exitCode: 130,
      outcome: 'watched',
    });
    expect(world.live()).toBe(good);
  });
});

describe('undo', () => {
  it('puts it back by itself where no watchdog runs, and refuses what it does not know', async () => {
    const watchdog = await world.watchdog();
    await runApply(ask(world.file('new.json', good)), world.context, nobody);
    await watchdog.stop();
    const { paths } = world.context;
    // A pid nobody has: the watchdog is gone.
    await writeStatus(paths.state, statusFile({}, { pid: 0 }));
    expect(await undo('T1')).toBe(0);
    expect(world.live()).toBe(oldConfig);
    expect(await readKept(paths.quarantine, 'T1')).toMatchObject({ record: { undoneFor: 'asked' } });
    await expect(undo('T7')).rejects.toMatchObject({ exitCode: 4 });
  });
});

describe('edit', () => {
  const edits = (text: string) => (path: string) => {
    const before = readFileSync(path, 'utf8');
    expect(before === oldConfig || before === refused).toBe(true);
    // As an editor does it: in place.
    writeFileSync(path, text);
  };
  const change = { confirmWithinMs: null, restart: false };
  const withEditor = (words: string) => ({ ...world.context, env: { EDITOR: words, PATH: '/usr/bin:/bin' } });
  const copies = (): readonly string[] =>
    readdirSync(tmpdir()).filter((name) => name.startsWith('openclaw-edit-'));

  it('gives the editor its words one by one and a private copy, and applies what comes out', async () => {
    await world.watchdog();
    const before = copies();
    const someone = person([true], edits(good));
    expect(await runEdit(change, withEditor('/bin/true --wait "odd words'), someone)).toBe(0);
    expect(someone.ran[0]?.slice(0, 4)).toEqual(['/bin/true', '--wait', '"odd', 'words']);
    expect(someone.ran[0]?.at(-1)).toMatch(/openclaw-edit-.*\/openclaw\.json$/);
    expect(world.live()).toBe(good);
    expect(copies().filter((name) => !before.includes(name))).toEqual([]);
  });

  it('has nothing to do where nothing was changed', async () => {
    expect(await runEdit(change, withEditor('/bin/true'), person([]))).toBe(0);
    expect(world.written()).toContain('is as it was: nothing to do');
  });

  it('shows what is wrong and offers the editor again; what did not get in is kept', async () => {
    await world.watchdog();
    const someone = person([true, false], edits(refused));
    await expect(runEdit(change, withEditor('/bin/true'), someone)).rejects.toMatchObject({ exitCode: 4 });
    expect(someone.ran).toHaveLength(2);
    expect(someone.asked).toEqual(['Edit it again?', 'Edit it again?']);
    expect(world.written()).toContain('logging.level: Invalid option');
    const kept = /your text is kept as (.*)\n/.exec(world.written())?.[1] ?? '';
    expect(readFileSync(kept, 'utf8')).toBe(refused);
    rmSync(dirname(kept), { recursive: true });
    expect(world.live()).toBe(oldConfig);
  });

  it('needs a terminal, and an editor that is there', async () => {
    await expect(runEdit(change, world.context, nobody)).rejects.toMatchObject({ code: 'no-terminal' });
    await expect(runEdit(change, withEditor('no-such-editor'), person([]))).rejects.toMatchObject({
      code: 'no-editor',
      exitCode: 2,
    });
  });
});
