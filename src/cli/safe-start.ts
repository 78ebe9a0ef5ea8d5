import { loadSettings } from '../config/settings.ts';
import { seconds } from '../core/time.ts';
import { readStatus } from '../daemon/status-file.ts';
import { rootOfEntry } from '../gateway/package.ts';
import { readText } from '../gateway/read-text.ts';
import { listIn, readRecord } from '../gateway/safe-start-hook.ts';
import { readIfExists, writeDurable } from '../system/durable-file.ts';
import { createLog, type Log } from '../system/log.ts';
import { createRedactor } from '../system/redact.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import type { Context } from './context.ts';
import { askPatiently } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';
import { renderKeyPackages } from './install/safe-start-files.ts';
import type { PackageShop } from './package-shop.ts';

/** A repair of a package takes 100 ms, of the whole tree a few seconds; launchd's start waits for this. */
const deadlineMs = seconds(20);
/** After the deadline nothing is begun; what is between two renames gets this long. The wrapper itself waits 24 s. */
const settleMs = seconds(3);
/** Between two looks while somebody else is at work on the package. */
const againMs = seconds(1);

type Shop = PackageShop & { close(): unknown };

/**
 * What the wrapper asks when a file is missing, before it becomes the gateway: the repair of `immune fix-deps` from what
 * is archived, within 20 s. It starts nothing and ends with 0 whatever happens, for the gateway is started all the same.
 */
export async function runSafeStart(context: Context, open: () => Promise<Shop>): Promise<number> {
  const deadline = new AbortController();
  const settled = new AbortController();
  const timer = context.clock.sleep(deadlineMs, settled.signal).then(() => deadline.abort());
  const signal = AbortSignal.any([context.signal, deadline.signal]);
  const late = timer
    .then(() => context.clock.sleep(settleMs, settled.signal))
    .then(() => 'it took too long and was left');
  const work = lookAndMend({ ...context, signal }, open).catch(
    (error: unknown) =>
      `it could not be looked at: ${error instanceof Error ? error.message : String(error)}`,
  );
  const text = await Promise.race([work, late]);
  settled.abort();
  await tell(context, text);
  return exitCodes.ok;
}

async function lookAndMend(context: Context, open: () => Promise<Shop>): Promise<string> {
  const forbidden = await whyNot(context);
  if (forbidden !== null) return `nothing was done: ${forbidden}`;
  const shop = await open();
  try {
    let busy = 'somebody else is at work on the package';
    // Bounded by the signal, which the deadline aborts.
    while (!context.signal.aborted) {
      const found = await shop.look({ network: false, unattended: true, signal: context.signal });
      switch (found.kind) {
        case 'sound':
          return `the package is whole${await renewList(context)}`;
        case 'unknown':
          return `nothing was done: ${found.because}`;
        case 'busy':
          busy = found.because;
          break;
        case 'damaged': {
          const { remedy, because } = found;
          if (remedy.kind === 'unavailable') return `${because}, and nothing was done: ${remedy.because}`;
          const end = await mend(remedy.plan, shop, context);
          if (end !== null) return `${because}; ${end}`;
          break;
        }
        default:
          return found satisfies never;
      }
      await context.clock.sleep(againMs, context.signal);
    }
    return `nothing was done in time: ${busy}`;
  } finally {
    await shop.close();
  }
}

/** An operator who said "touch nothing" is obeyed here too. */
async function whyNot({ paths, clock }: Context): Promise<string | null> {
  const loaded = await loadSettings(paths.config, readIfExists);
  if (loaded.kind === 'ok' && loaded.settings.mode === 'observe') return "the settings say mode: 'observe'";
  const read = await readStatus(paths.state);
  const pause = read.kind === 'read' ? read.status.state.pause : null;
  const paused = pause !== null && (pause.until === null || pause.until > clock.now());
  return paused ? 'the watchdog is paused' : null;
}

/** By the watchdog if it runs, else by our own hands. Null when somebody is at work and another look is due. */
async function mend(plan: PackagePlan, shop: Shop, context: Context): Promise<string | null> {
  const staged = await shop.stage(plan);
  if (staged.kind === 'failed') return `nothing was done: ${staged.because}`;
  const asked = await askPatiently({ kind: 'fix-deps', staged: plan.id, by: 'safe start' }, context, {
    timeoutMs: deadlineMs,
    onAsked: () => undefined,
  });
  switch (asked.kind) {
    case 'answer':
      return asked.answer.why === 'busy' ? null : asked.answer.text;
    case 'silent':
    case 'interrupted':
      return 'the watchdog was asked for the repair and has not answered in time';
    case 'none': {
      const { id, outcome } = await shop.mend(plan.id, context.signal);
      return outcome.kind === 'done'
        ? `repair ${id}: ${outcome.because}`
        : `nothing was changed: ${outcome.because}`;
    }
    default:
      return asked satisfies never;
  }
}

/** An update may have dropped a dependency: the wrapper would ask before every start. */
async function renewList({ paths }: Context): Promise<string> {
  const record = readRecord(paths.safeStart);
  const root = record === null ? null : rootOfEntry(record.entry);
  if (root === null) return '';
  const text = renderKeyPackages(root, '');
  if (text === '' || text === readText(listIn(paths.safeStart))) return '';
  const written = await writeDurable(listIn(paths.safeStart), text, { mode: 0o600 });
  return written.kind === 'failed' ? '' : '; the list of its dependencies was renewed';
}

/** One line in the log; a folder that takes none is no reason for anything. */
async function tell({ paths, clock }: Context, text: string): Promise<void> {
  try {
    const log: Log = await createLog({
      dir: paths.logs,
      clock,
      level: 'info',
      redact: createRedactor().redact,
    });
    log.info(`Safe start, before a start of the gateway: ${text}`);
    log.close();
  } catch {
    // A read-only disk, for one: the gateway starts all the same.
  }
}
