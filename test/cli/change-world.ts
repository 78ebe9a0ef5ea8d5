import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Terminal } from '../../src/cli/terminal.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { findTool } from '../demo/tools.ts';
import { type SmallWatchdog, startSmallWatchdog } from '../fakes/small-watchdog.ts';
import { type TestContext, testContext } from './command-context.ts';
import { aliveHere, statusFile } from './status-facts.ts';

/** A home with a gateway's config, a small OpenClaw whose validator refuses the word "refused", and our settings. */
export interface ChangeWorld extends TestContext {
  readonly configPath: string;
  live(): string;
  /** Replaces the live config. */
  put(text: string): void;
  /** A file of the operator's. */
  file(name: string, text: string): string;
  watchdog(): Promise<SmallWatchdog>;
  /** From now on the validator cannot be asked. */
  breakValidator(): void;
}

export const secret = 'planted-secret-of-this-test';
export const oldConfig = `{ "gateway": { "mode": "local", "port": 18789, "auth": { "token": "${secret}" } } } // old`;

const validator = `
import { readFileSync } from 'node:fs';
const path = process.env.OPENCLAW_CONFIG_PATH;
const text = readFileSync(path, 'utf8');
const issues = text.includes('refused') ? [{ path: 'logging.level', message: 'Invalid option' }] : [];
console.log(JSON.stringify({ valid: issues.length === 0, path, issues }, null, 2));
process.exitCode = issues.length === 0 ? 0 : 1;
`;

export async function changeWorld(): Promise<ChangeWorld> {
  const test = await testContext();
  const { paths } = test.context;
  const home = join(paths.logs, '..', '..', '..');
  const stateDir = join(home, '.openclaw');
  const configPath = join(stateDir, 'openclaw.json');
  const packageRoot = join(home, 'package');
  for (const folder of [stateDir, packageRoot, paths.data, paths.state])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(packageRoot, 'package.json'), JSON.stringify({ name: 'openclaw', version: '2026.9.6' }));
  writeFileSync(join(packageRoot, 'openclaw.mjs'), validator);
  writeFileSync(configPath, oldConfig, { mode: 0o600 });
  // Other tests of this machine run things that look like openclaw at work on a config.
  const ps = join(home, 'ps');
  writeFileSync(ps, `#!/bin/sh\n${findTool('ps') ?? '/bin/ps'} "$@" | grep -v openclaw\n`, {
    mode: 0o755,
  });
  const settings = {
    serviceManager: 'embedded',
    gateway: {
      label: 'ai.openclaw.gateway',
      plist: join(home, 'gateway.plist'),
      stateDir,
      configPath,
      packageRoot,
      nodePath: process.execPath,
      version: '2026.9.6',
    },
    tools: { ps, git: findTool('git') },
  };
  writeFileSync(paths.config, JSON.stringify(settings));
  let watchdog: SmallWatchdog | null = null;
  return {
    ...test,
    // The files here belong to whoever runs the tests.
    context: { ...test.context, uid: process.getuid?.() ?? 0 },
    configPath,
    live: () => readFileSync(configPath, 'utf8'),
    put: (text) => writeFileSync(configPath, text),
    file: (name, text) => {
      const path = join(home, name);
      writeFileSync(path, text);
      return path;
    },
    watchdog: async () => {
      const place = { home, configPath, stateDir: paths.state, quarantine: paths.quarantine };
      watchdog = await startSmallWatchdog(place, { listens: true });
      // The daemon of this world is this very process.
      await writeStatus(paths.state, statusFile({}, aliveHere()));
      return watchdog;
    },
    breakValidator: () => writeFileSync(join(packageRoot, 'openclaw.mjs'), 'process.exitCode = 9;'),
    remove: async () => {
      await watchdog?.stop();
      await test.remove();
    },
  };
}

/** A person who gives these answers, one after the other; `edit` is what their editor does with the file. */
export function person(
  answers: readonly boolean[],
  edit: (path: string) => void = () => undefined,
): Terminal & { readonly asked: string[]; readonly ran: (readonly string[])[] } {
  const asked: string[] = [];
  const ran: (readonly string[])[] = [];
  return {
    interactive: true,
    asked,
    ran,
    ask: async (question) => {
      asked.push(question);
      return answers[asked.length - 1] ?? false;
    },
    run: async (argv) => {
      ran.push(argv);
      edit(argv.at(-1) ?? '');
      return 0;
    },
  };
}

export const nobody: Terminal = {
  interactive: false,
  ask: async () => {
    throw new Error('nobody is there to ask');
  },
  run: async () => {
    throw new Error('there is no terminal for it');
  },
};
