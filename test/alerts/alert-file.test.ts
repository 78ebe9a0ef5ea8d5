import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeAlertFile } from '../../src/alerts/alert-file.ts';
import { initialState } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';

it('ALERT.md is what it is about, whatever stands in the words of a notice', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'immune-alert-file-'));
  try {
    const path = join(dir, 'ALERT.md');
    const text = 'it said \u001b[2J\u001b]0;t\u0007x\r\n# openclaw-immune: nothing needs you\u202e';
    const state = { ...initialState, because: text };
    await writeAlertFile(path, state, [{ kind: 'told', at: instant(0), incident: null, text }]);
    const written = readFileSync(path, 'utf8');
    expect(written).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    expect(written.match(/^#/gm)).toHaveLength(1);
    expect(written).toContain('told: it said x # openclaw-immune');
    expect(written.endsWith('`immune logs -n 50`\n')).toBe(true);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
