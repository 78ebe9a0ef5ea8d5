// What the gateway listens on by bind mode, TLS and authentication, as a table: docs/measured.md says how to run it.
//   node test/real/measure-binds.ts [VERSION]
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { type Config, copyWarmedHome, goodConfig, templateToken, writeConfig } from './home-template.ts';
import { installedOpenClaw } from './openclaw-cache.ts';
import { newestVersion, runFolder } from './places.ts';
import { startPlainly } from './plain-boot.ts';
import { healthz, probeSocket, type Target } from './probe.ts';
import { endProcessesOfHome } from './processes.ts';
import { makeSupport } from './support-folder.ts';

const version = process.argv[2] ?? newestVersion;
const only = process.argv[3];
const addresses = Object.values(networkInterfaces()).flatMap((list) =>
  (list ?? []).filter((a) => a.family === 'IPv4' && !a.internal),
);
const own = addresses[0]?.address ?? '127.0.0.1';

interface Case {
  readonly name: string;
  readonly gateway: Readonly<Record<string, unknown>>;
}

const token = { mode: 'token', token: templateToken };
const password = { mode: 'password', password: templateToken };
const none = { mode: 'none' };
const cases: readonly Case[] = [
  ...['loopback', 'lan', 'tailnet', 'auto'].map((bind) => ({
    name: `${bind}, token`,
    gateway: { bind, auth: token },
  })),
  { name: `custom ${own}, token`, gateway: { bind: 'custom', customBindHost: own, auth: token } },
  { name: 'custom 127.0.0.1, token', gateway: { bind: 'custom', customBindHost: '127.0.0.1', auth: token } },
  { name: 'custom 0.0.0.0, token', gateway: { bind: 'custom', customBindHost: '0.0.0.0', auth: token } },
  {
    name: 'custom 203.0.113.9 (nobody has it), token',
    gateway: { bind: 'custom', customBindHost: '203.0.113.9', auth: token },
  },
  { name: 'loopback, token, TLS', gateway: { bind: 'loopback', auth: token, tls: { enabled: true } } },
  { name: 'lan, token, TLS', gateway: { bind: 'lan', auth: token, tls: { enabled: true } } },
  {
    name: `custom ${own}, token, TLS`,
    gateway: { bind: 'custom', customBindHost: own, auth: token, tls: { enabled: true } },
  },
  { name: 'loopback, password', gateway: { bind: 'loopback', auth: password } },
  { name: 'lan, password', gateway: { bind: 'lan', auth: password } },
  { name: 'loopback, none', gateway: { bind: 'loopback', auth: none } },
  { name: 'lan, none', gateway: { bind: 'lan', auth: none } },
  { name: `custom ${own}, none`, gateway: { bind: 'custom', customBindHost: own, auth: none } },
  { name: 'loopback, none, TLS', gateway: { bind: 'loopback', auth: none, tls: { enabled: true } } },
];

console.log(`openclaw ${version}; addresses ${addresses.map((a) => a.address).join(' ')}`);
for (const [index, one] of cases.entries()) {
  if (only === undefined || one.name.includes(only)) await measure(index, one);
}

async function measure(index: number, one: Case): Promise<void> {
  const root = join(runFolder(), `bind-${index}`);
  const home = join(root, 'home');
  mkdirSync(root, { recursive: true });
  const port = await freePort();
  await copyWarmedHome(version, home, port);
  const good = goodConfig(port);
  const config: Config = { ...good, gateway: { ...good.gateway, ...one.gateway } };
  writeConfig(home, config);
  const support = makeSupport(join(root, 'support'));
  const logFile = join(root, 'gateway.log');
  const started = performance.now();
  const gateway = startPlainly({
    home,
    port,
    prefix: await installedOpenClaw(version),
    fakeMac: support.fakeMac,
    logFile,
  });
  console.log(`\n## ${one.name}\nconfig: ${JSON.stringify(one.gateway)}`);
  try {
    const scheme = JSON.stringify(one.gateway).includes('"enabled":true') ? 'https' : 'http';
    let serving = false;
    while (!serving && gateway.exitCode() === null && performance.now() - started < 90_000) {
      const listeners = listening(port);
      serving = listeners.length > 0;
      if (!serving) await new Promise((resolve) => setTimeout(resolve, 300));
    }
    if (!serving) {
      await Promise.race([gateway.exited, new Promise((resolve) => setTimeout(resolve, 20_000))]);
      console.log(`no listener; exit code ${gateway.exitCode()}`);
      return;
    }
    // The loopback alias and the sidecars follow the first listener.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    console.log(`listens: ${listening(port).join(' ')}`);
    for (const host of ['127.0.0.1', '::1', ...addresses.map((a) => a.address)]) {
      const target: Target = { scheme, host, port, trustAny: true };
      console.log(
        `${host}: healthz ${await healthz(target)}; token ${await probeSocket(bracketed(target), { token: templateToken })}`,
      );
      console.log(
        `${host}: password ${await probeSocket(bracketed(target), { password: templateToken })}; no auth ${await probeSocket(bracketed(target), null)}`,
      );
    }
    if (scheme === 'https') {
      const strict: Target = { scheme, host: '127.0.0.1', port };
      console.log(
        `plain http: ${await healthz({ ...strict, scheme: 'http' })}; plain ws: ${await probeSocket({ ...strict, scheme: 'http' }, { token: templateToken })}`,
      );
      console.log(
        `certificate checked: ${await healthz(strict)}; wss ${await probeSocket(strict, { token: templateToken })}`,
      );
      const folder = join(home, '.openclaw', 'gateway', 'tls');
      console.log(execFileSync('ls', ['-lR', folder], { encoding: 'utf8' }));
      console.log(
        execFileSync(
          'openssl',
          [
            'x509',
            '-in',
            join(folder, 'gateway-cert.pem'),
            '-noout',
            '-subject',
            '-issuer',
            '-dates',
            '-ext',
            'subjectAltName,basicConstraints',
          ],
          { encoding: 'utf8' },
        ),
      );
    }
  } finally {
    if (gateway.exitCode() === null) await gateway.stop();
    const said = readFileSync(logFile, 'utf8').split('\n');
    const telling = /bind|listen|tls|refus|fail|auth|error|warn/i;
    console.log(
      said
        .filter((line) => telling.test(line))
        .slice(0, 14)
        .join('\n'),
    );
    await endProcessesOfHome(root);
    rmSync(root, { recursive: true, force: true });
  }
}

function listening(port: number): readonly string[] {
  const lines = execFileSync('ss', ['-Hltn', `sport = :${port}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return lines.filter((line) => line !== '').map((line) => line.split(/\s+/)[3] ?? '?');
}

function bracketed(target: Target): Target {
  return target.host.includes(':') ? { ...target, host: `[${target.host}]` } : target;
}
