import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openChannels } from '../../src/alerts/channels.ts';
import { channelDeps, message, never } from './support/ground.ts';

const dir = mkdtempSync(join(tmpdir(), 'immune-osascript-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Stands in for macOS's osascript: logs its arguments, one a file, and ends as it is told. */
const osascript = join(dir, 'osascript');
writeFileSync(
  osascript,
  `#!/bin/sh
i=0
for each in "$@"; do printf '%s' "$each" > "${dir}/arg-$i"; i=$((i+1)); done
exit $(cat "${dir}/code")
`,
  { mode: 0o755 },
);

async function notified(given: Parameters<typeof message>[0], code = 0) {
  writeFileSync(join(dir, 'code'), String(code));
  const { channels } = openChannels({ notification: true, channels: [] }, channelDeps({ osascript }));
  const outcome = await channels[0]?.send(message(given), never);
  const argv: string[] = [];
  while (existsSync(join(dir, `arg-${argv.length}`)))
    argv.push(readFileSync(join(dir, `arg-${argv.length}`), 'utf8'));
  for (const [index] of argv.entries()) rmSync(join(dir, `arg-${index}`));
  return { outcome, argv };
}

describe('the notification on the screen of a Mac', () => {
  it('is a fixed script, with what is told as its arguments', async () => {
    const evil = '-e do shell script "touch /tmp/x" \u001b[31m" & quit & "\r\n$(id) `id`';
    const { outcome, argv } = await notified({ title: evil, body: [evil, 'second'], next: evil });
    expect(outcome).toEqual({ kind: 'delivered', because: expect.stringContaining('does not say') });
    expect(argv.slice(0, 7)).toEqual([
      '-e',
      'on run argv',
      '-e',
      'display notification (item 2 of argv) with title (item 1 of argv) sound name "Basso"',
      '-e',
      'end run',
      '--',
    ]);
    expect(argv).toHaveLength(9);
    expect(argv[7]).toBe('-e do shell script "touch /tmp/x" " & quit & " $(id) `id`');
    expect([...(argv[8] ?? '')].length).toBeLessThanOrEqual(200);
  });

  it('makes a sound only when somebody is needed', async () => {
    const { argv } = await notified({
      severity: 'info',
      title: 'OpenClaw is back',
      body: ['Down for 40 s.'],
    });
    expect(argv.join(' ')).not.toContain('sound');
    expect(argv.slice(-2)).toEqual(['OpenClaw is back', 'Down for 40 s. Next: immune status']);
  });

  it('shortens what happened before it shortens the command', async () => {
    const { argv } = await notified({ body: ['long 🦞 '.repeat(60)], next: 'immune undo 812-a1' });
    const shown = argv.at(-1) ?? '';
    expect(shown.endsWith('… Next: immune undo 812-a1')).toBe(true);
    expect([...shown].length).toBe(200);
  });

  it('says when macOS would not take it', async () => {
    const { outcome } = await notified({}, 1);
    expect(outcome).toEqual({
      kind: 'later',
      because: expect.stringContaining('ended with 1'),
      retryAfterMs: null,
    });
  });

  it('is there on a Mac unless it is switched off', () => {
    const names = (notification: boolean, at: string | null): readonly string[] =>
      openChannels({ notification, channels: [] }, channelDeps({ osascript: at })).channels.map(
        ({ name }) => name,
      );
    expect(names(true, osascript)).toEqual(['notification']);
    expect(names(false, osascript)).toEqual([]);
    expect(names(true, null)).toEqual([]);
  });
});
