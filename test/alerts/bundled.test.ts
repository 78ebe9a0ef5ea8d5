import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { renderSettings } from '../../src/config/template.ts';
import { makeCertificates } from './support/certificates.ts';
import { channelSettings } from './support/ground.ts';
import { mailPassword, mailUser, serveMail } from './support/mail-server.ts';
import { serve } from './support/serve.ts';
import { discordService } from './support/services.ts';

const dir = mkdtempSync(join(tmpdir(), 'immune-bundled-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const ended = (
  file: string,
  env: Record<string, string>,
): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [file, 'alerts', 'test'], { cwd: dir, env, timeout: 25_000 });
    let [out, err] = ['', ''];
    child.stdout.on('data', (part) => {
      out += String(part);
    });
    child.stderr.on('data', (part) => {
      err += String(part);
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });

describe('the bundle', () => {
  it('sends a test to each channel, over TLS, from an empty folder with nothing installed beside it', async () => {
    const certificates = makeCertificates();
    const mail = await serveMail({ secure: true, certificate: certificates.good });
    const service = discordService('998877665544332211/token-part');
    const web = await serve(service.handler, certificates.good);
    const data = join(dir, 'data');
    const ca = join(dir, 'ca.pem');
    mkdirSync(data, { mode: 0o700 });
    writeFileSync(ca, certificates.ca);
    writeFileSync(join(dir, 'mail'), mailPassword, { mode: 0o600 });
    writeFileSync(join(dir, 'discord'), '998877665544332211/token-part\n', { mode: 0o600 });
    const people = 'from=immune@example.com&to=me@example.com';
    const user = encodeURIComponent(mailUser);
    writeFileSync(
      join(data, 'config.json5'),
      renderSettings({
        mode: 'act',
        serviceManager: 'embedded',
        gateway: {
          ...{
            label: 'x',
            plist: join(dir, 'x.plist'),
            stateDir: dir,
            configPath: join(dir, 'openclaw.json'),
          },
          ...{
            packageRoot: null,
            nodePath: null,
            profile: null,
            prefix: null,
            version: null,
            host: null,
            port: null,
          },
        },
        tools: {
          ...{
            launchctl: null,
            ps: '/bin/ps',
            lsof: null,
            netstat: null,
            git: null,
            tar: null,
            tmutil: null,
          },
        },
        alerts: {
          notification: true,
          channels: [
            channelSettings({
              name: 'mail',
              kind: 'email',
              url: `smtps://${user}@127.0.0.1:${mail.port}/?${people}`,
              secretFile: join(dir, 'mail'),
            }),
            channelSettings({
              name: 'chat',
              kind: 'discord',
              url: `${web.origin}/api/webhooks/{secret}`,
              secretFile: join(dir, 'discord'),
            }),
          ],
        },
      }),
    );
    const alone = join(dir, 'immune.mjs');
    copyFileSync(fileURLToPath(new URL('../../dist/immune.mjs', import.meta.url)), alone);
    const env = {
      HOME: dir,
      PATH: '/usr/bin:/bin',
      OPENCLAW_IMMUNE_DATA: data,
      OPENCLAW_IMMUNE_LOGS: join(dir, 'logs'),
    };
    try {
      const good = await ended(alone, { ...env, NODE_EXTRA_CA_CERTS: ca });
      expect(good).toMatchObject({ code: 0, err: '' });
      expect(mail.mails[0]).toMatchObject({ secure: true, user: mailUser, to: ['me@example.com'] });
      expect(mail.mails[0]?.headers.get('subject')).toMatch(/^TEST: /);
      expect(service.shown[0]?.text).toMatch(/^TEST: /);
      // The same without the authority: said for each channel, and nothing sent to either.
      const bad = await ended(alone, env);
      expect(bad.code).toBe(3);
      expect(bad.out.match(/certificate/g)).toHaveLength(2);
      expect([mail.mails.length, service.shown.length]).toEqual([1, 1]);
      for (const text of [good.out, bad.out]) expect(text).not.toContain('token-part');
    } finally {
      await mail.close();
      await web.close();
    }
  });
});
