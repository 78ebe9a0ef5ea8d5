#!/usr/bin/env node
import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { dirname } from 'node:path';
import { readConfig, readStanding, resolvePaths } from './settings.mjs';
import { attachSockets, broadcast, sendOddFrame, startEvents, version } from './sockets.mjs';

const argv = process.argv.slice(2);
const env = process.env;
const paths = resolvePaths(env, argv);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const log = (part, text) =>
  console.log(`${new Date().toISOString().replace('Z', '+00:00')} [${part}] ${text}`);
const supervised = env.OPENCLAW_SERVICE_MARKER !== undefined || env.XPC_SERVICE_NAME !== undefined;
const watchMs = 50;
/** As the real one does it; every macOS and nearly every Linux has it. */
const certificateTool = 'openssl';

const gateway = {
  paths,
  config: undefined,
  standing: readStanding(paths, env),
  bootId: randomUUID(),
  startedAt: performance.now(),
  clients: new Set(),
  seen: [],
  failures: 0,
  seq: 0,
  draining: false,
  pause,
};

function refuse(text, code) {
  console.error(text);
  process.exit(code);
}

function startTicks(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    // Not Linux, or no such process: the pid alone has to do.
    return undefined;
  }
}

/** The pid of a live gateway that holds the lock, or undefined. A stale lock is reclaimed, as the real one does. */
function lockHolder() {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(paths.locks[0], 'utf8').trim());
    process.kill(pid, 0);
    return pid !== process.pid && (startTime === undefined || startTime === startTicks(pid))
      ? pid
      : undefined;
  } catch {
    // No lock, a torn one, or its owner is gone.
    return undefined;
  }
}

function takeLock() {
  mkdirSync(paths.lockDir, { recursive: true, mode: 0o700 });
  const body = {
    pid: process.pid,
    ownerId: randomUUID(),
    createdAt: new Date().toISOString(),
    configPath: paths.configPath,
    stateDir: paths.stateDir,
    port: gateway.config.port,
    startTime: startTicks(process.pid),
  };
  for (const path of paths.locks) {
    writeFileSync(path, `${JSON.stringify(body, null, 2)}\n${'\t '.repeat(60)}\n`, { mode: 0o600 });
  }
}

function certificate({ certPath, keyPath }) {
  if (!existsSync(certPath) || !existsSync(keyPath)) {
    mkdirSync(dirname(certPath), { recursive: true });
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-sha256', '-days', '3650', '-nodes'];
    execFileSync(
      certificateTool,
      [...args, '-keyout', keyPath, '-out', certPath, '-subj', '/CN=openclaw-gateway'],
      { stdio: 'ignore' },
    );
    chmodSync(keyPath, 0o600);
  }
  return { cert: readFileSync(certPath), key: readFileSync(keyPath), minVersion: 'TLSv1.3' };
}

function reply(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

function answerHealthz(response) {
  const how = gateway.standing.healthz ?? 'live';
  if (how === 'live') return reply(response, 200, { ok: true, status: 'live' });
  if (how === 'wrong') return reply(response, 200, { hello: 'world' });
  if (how === 'reset') return response.destroy();
  if (how === 'endless') {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    const drip = setInterval(() => response.write(' '.repeat(1_024)), 5);
    response.on('close', () => clearInterval(drip));
  }
  // 'hang': the connection stays open and silent.
}

function answer(request, response) {
  const path = (request.url ?? '/').split('?')[0];
  const uptimeMs = Math.round(performance.now() - gateway.startedAt);
  const probes = ['/health', '/healthz', '/ready', '/readyz', '/startup', '/startupz'];
  if (!probes.includes(path)) {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    return response.end('<!doctype html><title>OpenClaw Control (practice)</title>');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' });
    return response.end('Method Not Allowed');
  }
  if (path.startsWith('/health')) return answerHealthz(response);
  if (path.startsWith('/startup'))
    return reply(response, 200, { ok: true, status: 'started', version, uptimeMs });
  const failing = gateway.draining ? ['gateway-draining'] : (gateway.standing.readyFailing ?? []);
  reply(response, failing.length === 0 ? 200 : 503, {
    ready: failing.length === 0,
    failing,
    uptimeMs,
    eventLoop: { degraded: false },
  });
}

function hosts({ bind, customBindHost }) {
  if (bind === 'lan') return ['0.0.0.0'];
  if (bind === 'custom')
    return customBindHost && customBindHost !== '0.0.0.0'
      ? [...new Set([customBindHost, '127.0.0.1'])]
      : ['0.0.0.0'];
  if (bind === 'tailnet' && env.PRACTICE_TAILNET_IP) return [env.PRACTICE_TAILNET_IP, '127.0.0.1'];
  return ['127.0.0.1', '::1'];
}

function listenOn(host) {
  const { config } = gateway;
  const server = config.tls ? https.createServer(certificate(config.tls), answer) : http.createServer(answer);
  server.keepAliveTimeout = 5_000;
  attachSockets(gateway, server);
  return new Promise((done, fail) => {
    server.once('error', fail);
    // With port 0 the second address takes the port the first one got.
    server.listen({ host, port: config.port, ipv6Only: host.includes(':') }, () => {
      config.port = server.address().port;
      done(server);
    });
  });
}

async function listen() {
  const tries = supervised ? 600 : 20;
  const [first, ...rest] = hosts(gateway.config);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await listenOn(first);
      break;
    } catch (error) {
      if (attempt >= tries) {
        return refuse(
          `Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:${gateway.config.port} | ${error.message} | ${error.code}`,
          1,
        );
      }
      if (supervised && attempt % 10 === 1)
        log('gateway', 'gateway already running under launchd; waiting 5000ms before retrying startup');
      await pause(500);
    }
  }
  for (const host of rest) {
    await listenOn(host).catch((error) =>
      log('gateway', `failed to bind loopback alias ${host}:${gateway.config.port} (${error.message})`),
    );
  }
}

async function stop(reason, extra) {
  if (gateway.draining) return;
  gateway.draining = true;
  log('gateway', `received signal; shutting down (${reason})`);
  broadcast(gateway, 'shutdown', { reason, ...extra });
  await pause(gateway.standing.drainMs ?? 20);
  for (const ws of gateway.clients) ws.close(1012, 'service restart');
  await pause(20);
  for (const path of paths.locks) rmSync(path, { force: true });
  log('shutdown', 'completed cleanly');
  process.exit(0);
}

/** 9.6 parks itself: it disables its own label, and a detached shell unloads it once this process is gone. */
function park() {
  const target = `gui/${process.getuid?.() ?? 0}/${env.OPENCLAW_LAUNCHD_LABEL ?? 'ai.openclaw.gateway'}`;
  mkdirSync(dirname(paths.auditLog), { recursive: true });
  const note = `openclaw restart attempt source=handoff mode=park target=${target} pid=${process.pid} interactive=0`;
  appendFileSync(paths.auditLog, `[${new Date().toISOString().replace(/\.\d+Z/, 'Z')}] ${note}\n`);
  execFileSync('launchctl', ['disable', target], { stdio: 'ignore' });
  const script = `while kill -0 "$1" 2>/dev/null; do sleep 0.1; done
launchctl bootout "$2" && printf '[%s] openclaw service park done source=handoff interactive=0\\n' "$(date -u +%FT%TZ)" >>"$3"`;
  spawn('/bin/sh', ['-c', script, 'park', String(process.pid), target, paths.auditLog], {
    detached: true,
    stdio: 'ignore',
  }).unref();
  refuse('[gateway] requires state migration. gateway.maintenance_required | MODULE_NOT_FOUND', 78);
}

function perform(order) {
  if (order.do === 'block') for (const end = Date.now() + (order.ms ?? Infinity); Date.now() < end; );
  if (order.do === 'frame') void sendOddFrame(gateway, order.what);
  if (order.do === 'exit') process.exit(order.code ?? 1);
  if (order.do === 'throw') throw new Error('practice: uncaught exception');
  if (order.do === 'restart') void stop('gateway restarting', { restartExpectedMs: 1_500 });
  if (order.do === 'close')
    for (const ws of gateway.clients) ws.close(order.code ?? 1012, order.reason ?? '');
}

/** A changed secret is applied without a restart, and every client that used the old one is sent away. */
function applyCredentials({ token, password }) {
  const changed = token !== gateway.config.token || password !== gateway.config.password;
  Object.assign(gateway.config, { token, password });
  if (changed) for (const ws of gateway.clients) ws.close(4001, 'gateway auth changed');
}

/** Faults and hot-applied credentials arrive through files; polling keeps it the same on every platform. */
function watchFiles() {
  const stamp = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  let seenStanding = stamp(paths.standing);
  let seenConfig = stamp(paths.configPath);
  setInterval(() => {
    if (existsSync(paths.once)) {
      const order = readFileSync(paths.once, 'utf8');
      rmSync(paths.once, { force: true });
      perform(JSON.parse(order));
    }
    if (stamp(paths.standing) !== seenStanding) {
      seenStanding = stamp(paths.standing);
      gateway.standing = readStanding(paths, env);
    }
    if (stamp(paths.configPath) !== seenConfig) {
      seenConfig = stamp(paths.configPath);
      const next = readConfig(paths, env, argv);
      if (next.refuse) log('reload', 'config reload skipped (invalid config)');
      else applyCredentials(next);
    }
  }, watchMs);
}

async function boot() {
  gateway.config = readConfig(paths, env, argv);
  if (gateway.config.refuse) refuse(gateway.config.refuse, 78);
  const { standing } = gateway;
  if (standing.exitAtBoot !== undefined) refuse('practice: told to fail at boot', standing.exitAtBoot);
  if (standing.parkAtBoot) park();
  const holder = lockHolder();
  if (holder !== undefined)
    refuse(
      `StateDatabaseCoordinatorContentionError: another OpenClaw process owns gateway-lifecycle (pid ${holder})`,
      78,
    );
  takeLock();
  if (standing.bootMs) await pause(standing.bootMs);
  await listen();
  takeLock();
  process.title = 'openclaw-gateway';
  // Only now: before its handlers exist the real one dies of SIGTERM with 143.
  process.on('SIGTERM', () => void stop('gateway stopping'));
  process.on('SIGINT', () => void stop('gateway stopping'));
  process.on('SIGUSR2', () => void stop('gateway restarting', { restartExpectedMs: 1_500 }));
  watchFiles();
  startEvents(gateway);
  log('gateway', `http server listening on ${gateway.config.port}`);
  log('gateway', 'ready');
}

await boot();
