import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderWhy, runWhyConfig, whyJson } from '../../src/cli/why-config.ts';
import { type ConfigHome, configHome } from './config-home.ts';

let home: ConfigHome;
beforeEach(async () => {
  home = await configHome();
});
afterEach(() => home.remove());

const good = { gateway: { mode: 'local', port: 18789, bind: 'loopback' }, agents: { main: { note: 'a' } } };

async function why(json = false): Promise<{ code: number; text: string }> {
  const before = home.written().length;
  const code = await runWhyConfig({ json }, home.context);
  return { code, text: home.written().slice(before) };
}

/** A verified snapshot of a config that is fine, and after it a few edits. */
async function edited(config: object): Promise<string> {
  home.write('openclaw.json', JSON.stringify(good));
  const id = await home.record();
  await home.store.label(id, 'verified');
  home.write('openclaw.json', JSON.stringify(config));
  return id;
}

describe('why-config', () => {
  it('is 0 for a config that OpenClaw takes', async () => {
    home.write('openclaw.json', JSON.stringify(good));
    expect(await why()).toEqual({
      code: 0,
      text: `${home.configPath} is fine: OpenClaw 2026.9.6 accepts it\n`,
    });
    expect(JSON.parse((await why(true)).text)).toMatchObject({
      fine: true,
      issues: [],
      fix: null,
      because: null,
    });
  });

  it('names the one key to blame among many edits, and what would be put back', async () => {
    const id = await edited({
      gateway: { ...good.gateway, prot: 'a-private-word', port: 18790 },
      agents: { main: { note: 'b' }, second: {} },
      channels: { telegram: { enabled: true } },
    });
    const { code, text } = await why();
    expect(code).toBe(3);
    expect(text).toContain(
      `${home.configPath} would not start the gateway:\n  gateway: Unrecognized key: "prot"\n`,
    );
    expect(text).toMatch(/\nto blame:\n {2}gateway\.prot\n/);
    expect(text).toContain(
      `"immune fix-config" takes gateway.prot back to the verified snapshot ${id.slice(0, 8)}`,
    );
    expect(text).not.toContain('a-private-word');
    const json = JSON.parse((await why(true)).text);
    expect(json).toMatchObject({
      version: 1,
      path: home.configPath,
      openclaw: '2026.9.6',
      fine: false,
      snapshot: { id },
      fix: { kind: 'keys', changes: ['gateway.prot was removed'] },
      because: null,
    });
    expect(json.blamed.map(({ key }: { readonly key: string }) => key)).toEqual(['gateway.prot']);
    expect(json.validatorRuns).toBeLessThanOrEqual(5);
  });

  it('changes nothing, neither the config nor anything beside it', async () => {
    await edited({ gateway: { ...good.gateway, prot: 1 } });
    const before = readFileSync(home.configPath);
    const names = readdirSync(dirname(home.configPath));
    await why();
    expect(readFileSync(home.configPath).equals(before)).toBe(true);
    expect(readdirSync(dirname(home.configPath))).toEqual(names);
    expect(readdirSync(home.context.paths.state)).not.toContain('plans');
  });

  it('without a snapshot says what is wrong and that a person has to mend it', async () => {
    home.write('openclaw.json', JSON.stringify({ gateway: { mode: 'local', port: 'a-private-word' } }));
    const { code, text } = await why();
    expect(code).toBe(3);
    expect(text).toContain('  gateway.port: ');
    expect(text).toContain('no verified snapshot of the config is kept');
    expect(text).not.toContain('a-private-word');
  });

  it.each([
    ['broken', () => home.write('openclaw.json', '{ "gateway": '), 'does not parse'],
    ['empty', () => home.write('openclaw.json', ''), 'is empty'],
    ['without a mode', () => home.write('openclaw.json', '{ "gateway": {} }'), 'gateway.mode is missing'],
    ['missing', () => rmSync(home.configPath), 'there is no'],
  ])('names what is wrong with a config that is %s', async (_name, spoil, words) => {
    await edited(good);
    spoil();
    const { code, text } = await why();
    expect(code).toBe(3);
    expect(text).toContain(words);
    expect(text).toContain('"immune fix-config" ');
  });

  it('says that a config is nested too deeply, and that a link includes what lies beside the real one', async () => {
    await edited(good);
    home.write(
      'openclaw.json',
      `{ "gateway": { "mode": "local" }, "env": ${'['.repeat(3_000)}${']'.repeat(3_000)} }`,
    );
    const deep = await why();
    expect(deep.code).toBe(3);
    expect(deep.text).toMatch(/\n {2}.*openclaw\.json is nested too deeply\n/);
    const real = join(dirname(home.configPath), '..', 'dotfiles');
    mkdirSync(real);
    writeFileSync(join(real, 'more.json'), '{}');
    const config = { gateway: {}, $include: join(real, 'more.json') };
    writeFileSync(join(real, 'openclaw.json'), JSON.stringify(config));
    rmSync(home.configPath);
    symlinkSync(join(real, 'openclaw.json'), home.configPath);
    const linked = await why();
    expect(linked.code).toBe(3);
    expect(linked.text).toContain(
      `the config includes ${join(real, 'more.json')}, which lies beside the real file`,
    );
  });

  it('does not call a config bad that nobody could be asked about', async () => {
    await edited({ ...good, agents: {} });
    rmSync(home.ground.settings.gateway.packageRoot ?? '', { recursive: true });
    const { code, text } = await why();
    expect(code).toBe(3);
    expect(text).toMatch(
      /^nothing wrong was found in .*, but OpenClaw could not be asked about it; "immune validate" says why\n$/,
    );
    expect(JSON.parse((await why(true)).text)).toMatchObject({ fine: null, issues: [] });
  });

  it('ends with 130 when it is interrupted', async () => {
    home.write('openclaw.json', JSON.stringify(good));
    home.interrupt();
    expect((await why()).code).toBe(130);
  });

  it('asks to be asked again when the config changes meanwhile', () => {
    const subject = { path: '/c/openclaw.json', version: null };
    expect(renderWhy({ kind: 'overtaken' }, subject)).toBe(
      '/c/openclaw.json changed while it was looked at; ask again',
    );
    expect(whyJson({ kind: 'overtaken' }, subject)).toMatchObject({ fine: null, issues: [], fix: null });
  });
});
