import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { run } from '../../src/system/run.ts';
import { findTool } from './tools.ts';

export type Installed =
  | {
      readonly kind: 'installed';
      readonly entry: string;
      readonly environment: Readonly<Record<string, string>>;
      remove(): void;
    }
  | { readonly kind: 'failed'; readonly because: string; readonly hint: string };

const version = '2026.9.6';
/** About 600 MB in 40 000 files: a slow disk or line takes minutes. */
const installTimeoutMs = 15 * 60_000;

/** Installs OpenClaw from npm into a temporary folder of its own, with our Node. */
export async function installOpenclaw(say: (text: string) => void): Promise<Installed> {
  const npm = findTool('npm');
  if (npm === null) {
    return {
      kind: 'failed',
      because: 'npm was not found on PATH',
      hint: 'run ./install.sh --demo without --real',
    };
  }
  const prefix = mkdtempSync(join(tmpdir(), 'openclaw-immune-demo-npm-'));
  const remove = (): void => rmSync(prefix, { recursive: true, force: true });
  const path = [dirname(process.execPath), ...(process.env['PATH'] ?? '').split(delimiter)].join(delimiter);
  say(`Installing openclaw@${version} from npm into ${prefix} (a minute or more) ...`);
  const outcome = await run({
    file: npm,
    args: ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', `openclaw@${version}`],
    timeoutMs: installTimeoutMs,
    // npm needs the proxy and certificate settings of the shell; it runs before any watchdog does.
    env: { ...definedEnvironment(), PATH: path },
  });
  const entry = join(prefix, 'lib', 'node_modules', 'openclaw', 'dist', 'index.js');
  if (outcome.kind === 'exited' && outcome.code === 0 && existsSync(entry)) {
    return { kind: 'installed', entry, environment: { PATH: path }, remove };
  }
  remove();
  const why =
    outcome.kind === 'exited' ? outcome.stderr.trim().split('\n').slice(-3).join(' ') : outcome.kind;
  return {
    kind: 'failed',
    because: `npm could not install openclaw@${version}: ${why}`,
    hint: 'check the network, or run ./install.sh --demo without --real',
  };
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
