import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { instant } from '../../src/core/time.ts';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';
import { type SwapDeps, type SwapRequest, swapConfig } from '../../src/repairs/config-swap.ts';
import { hashOfConfig } from '../../src/repairs/swap-ground.ts';
import { type PlanDraft, writePlan } from '../../src/vault/plans.ts';
import { workspace } from '../system/workspace.ts';

export const good = '{\n  // kept\n  gateway: { mode: "local", port: 18789 },\n}\n';
export const bad = '{ gateway: { mode: "local", port: "abc" }, bogus: 1 }\n';

/** A home with a config in it, and what a change of it needs. */
export interface SwapWorld {
  readonly root: string;
  readonly home: string;
  readonly folder: string;
  readonly config: string;
  readonly deps: SwapDeps;
  processes: readonly LiveProcess[];
}

export function swapWorld(root = workspace()): SwapWorld {
  const home = join(root, 'home');
  const folder = join(home, '.openclaw');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = join(folder, 'openclaw.json');
  let ticks = 0;
  const world: SwapWorld = {
    root,
    home,
    folder,
    config,
    processes: [],
    deps: {
      configPath: config,
      home,
      uid: process.getuid?.() ?? 0,
      plans: join(root, 'plans'),
      quarantine: join(root, 'quarantine'),
      processes: async () => world.processes,
      now: () => {
        ticks += 1;
        return instant(1_000 + ticks);
      },
    },
  };
  return world;
}

/** Stores a plan that puts these texts in place of the config as it is now. */
export async function plan(
  { config, deps, folder }: SwapWorld,
  texts: Readonly<Record<string, string>>,
  over: Partial<PlanDraft> & { readonly mode?: number } = {},
): Promise<Omit<SwapRequest, 'signal' | 'id'>> {
  const { mode = null, ...rest } = over;
  const replaces = hashOfConfig(config);
  const draft: PlanDraft = {
    id: 'keys-1',
    kind: 'keys',
    snapshot: 'c'.repeat(40),
    replaces,
    configPath: config,
    files: Object.entries(texts).map(([name, text]) => ({
      path: join(folder, name),
      mode,
      bytes: Buffer.from(text),
    })),
    changes: ['gateway.port'],
    because: 'gateway.port is restored',
    ...rest,
  };
  const written = await writePlan(deps.plans, draft);
  if (written.kind !== 'written') throw new Error(written.because);
  return { incident: 'I1', planId: draft.id, replaces };
}

export const never: AbortSignal = new AbortController().signal;

/** Plans and makes the change `A1`. */
export async function swapTo(
  world: SwapWorld,
  texts: Readonly<Record<string, string>>,
  over: Parameters<typeof plan>[2] & { readonly deps?: Partial<SwapDeps>; readonly change?: string } = {},
): ReturnType<typeof swapConfig> {
  const { deps, change = 'A1', ...rest } = over;
  const request = await plan(world, texts, rest);
  return swapConfig({ ...request, id: change, signal: never }, { ...world.deps, ...deps });
}

/** Every file, folder and link below a folder with its mode and content, by name. */
export function tree(folder: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    const facts = lstatSync(path);
    const mode = (facts.mode & 0o777).toString(8);
    if (facts.isDirectory()) found[name] = `folder ${mode}`;
    else if (facts.isSymbolicLink()) found[name] = `link ${readlinkSync(path)}`;
    else found[name] = `${mode} ${canRead(facts.mode) ? readFileSync(path, 'latin1') : '(unreadable)'}`;
  }
  return found;
}

const canRead = (mode: number): boolean => process.getuid?.() === 0 || (mode & 0o400) !== 0;

export function write(path: string, text: string, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
}
