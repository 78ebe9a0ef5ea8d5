import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hideConfigValues } from '../../src/daemon/alert-hiding.ts';

const dir = mkdtempSync(join(tmpdir(), 'immune-hiding-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('what leaves this machine', () => {
  it('holds no value of the config, its includes and the environment, as they are at that moment', () => {
    const configPath = join(dir, 'openclaw.json');
    const include = join(dir, 'more.json5');
    const write = (token: string, channel: string): void => {
      writeFileSync(include, `{ telegram: { botToken: '${channel}' } }`);
      writeFileSync(configPath, `{ token: "${token}", channels: { $include: "./more.json5" } }`);
    };
    let env: Record<string, string> = { MY_API: 'value of a variable' };
    const { redact: hide, holds } = hideConfigValues({
      redact: (text) => text.replaceAll('known', '…'),
      place: () => ({ configPath, env }),
    });
    write('first token', 'first bot token');
    expect(hide('a first token b first bot token c value of a variable d known')).toBe('a … b … c … d …');
    expect(['first token', 'first bot token', 'value of a variable', 'first'].map(holds)).toEqual([
      ...[true, true, true],
      false,
    ]);
    write('other token', 'next bot token');
    expect(hide('a other token b next bot token')).toBe('a … b …');
    writeFileSync(include, `{ telegram: { botToken: 'third bot tok' } }`);
    expect(hide('third bot tok')).toBe('…');
    rmSync(configPath);
    expect(hide('third bot tok, other token, next bot token')).toBe('…, …, next bot token');
    env = { MY_API: 'changed variable' };
    expect(hide('changed variable')).toBe('…');
  });

  it('holds none of a config that no longer parses, and keeps the words of our commands', () => {
    const configPath = join(dir, 'broken.json');
    const { redact: hide } = hideConfigValues({
      redact: (text) => text,
      place: () => ({ configPath, env: { OPENCLAW_LAUNCHD_LABEL: 'ai.openclaw.work' } }),
    });
    writeFileSync(
      configPath,
      `{ "token": "broken \\"token\\" 1", name: 'single quoted', x: "openclaw", "p": "${configPath}",,`,
    );
    expect(hide('a broken \\"token\\" 1 b broken "token" 1 c single quoted')).toBe('a … b … c …');
    expect(hide(`openclaw doctor; immune fix-config ${configPath}`)).toBe(
      `openclaw doctor; immune fix-config ${configPath}`,
    );
    writeFileSync(configPath, `{ "a": ["incidents", "acknowledge", "launchctl", "ai.openclaw.work"] }`);
    expect(hide('immune incidents show I7; immune acknowledge')).toBe(
      'immune incidents show I7; immune acknowledge',
    );
    expect(hide('launchctl enable gui/501/ai.openclaw.work')).toBe(
      'launchctl enable gui/501/ai.openclaw.work',
    );
    rmSync(configPath);
    expect(hide('nothing to hide')).toBe('nothing to hide');
  });
});
