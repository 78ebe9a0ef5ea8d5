import { afterAll, describe, expect, it } from 'vitest';
import { hook, openInbox } from '../daemon/alert-ground.ts';
import { bundle } from './bundle.ts';
import { healthy, onGround, shortened, until } from './ground.ts';

const built = bundle();
afterAll(() => built.remove());

describe('the alerts of a running watchdog', { timeout: 120_000 }, () => {
  it('tell of a repair once it has held, go on where the last life ended, and say what came of each', async () => {
    const inbox = await openInbox();
    try {
      await onGround(built.path, async (ground) => {
        const alerts = { notification: false, channels: [hook('phone', inbox.port)] };
        ground.configure({ policy: { ...shortened, alertGraceMs: '1m' }, alerts });
        const daemon = ground.daemon();
        await healthy(ground, daemon);
        inbox.answers(503);
        ground.once({ do: 'block' });
        await until(ground, 'a restart', () => ground.journal().some(({ kind }) => kind === 'intent'));
        await until(ground, 'a first try', () => inbox.asked() > 0);
        await healthy(ground, daemon);
        expect(inbox.taken).toEqual([]);
        await daemon.stop();
        inbox.answers(200);
        const next = ground.daemon();
        await healthy(ground, next);
        await until(ground, 'the message', () => inbox.taken.length > 0);
        expect(inbox.taken.map(({ kind }) => kind)).toEqual(['recovered']);
        expect(inbox.taken[0]?.text).toContain('restart A1');
        const listed = await ground.immune('alerts');
        expect(listed.out).toMatch(/recovered .*\n {4}phone: delivered/);
        const why = await ground.immune('alerts', 'why');
        expect(why.out).toContain('healed-by-action: sent');
        expect((await ground.immune('alerts', 'retry', '9-9')).code).toBe(4);
        const id = inbox.taken[0]?.id ?? '';
        expect((await ground.immune('alerts', 'drop', id, '--yes')).out).toContain('is not sent any more');
        const status = JSON.parse((await ground.immune('status', '--json')).out);
        expect(status.alerts).toMatchObject({ channels: 1, waiting: 0, problems: [] });
      });
    } finally {
      await inbox.close();
    }
  });
});
