import { UserError } from '../core/errors.ts';
import type { Archive } from '../vault/archives.ts';
import type { TreeCheck } from '../vault/manifest.ts';
import type { VerifyOutcome } from '../vault/verify-archive.ts';
import {
  checkedJson,
  listJson,
  renderChecked,
  renderList,
  renderRestore,
  renderVerified,
  restoreJson,
  verifiedJson,
} from './archives-render.ts';
import type { ArchivesShop, Comparison } from './archives-shop.ts';
import type { ArchivesAsk } from './archives-words.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { createProgress, type Progress } from './progress.ts';
import { shown } from './shown.ts';
import { styleFor } from './style.ts';

type Compared = Comparison & { readonly kind: 'compared' };

/** `immune archives`: 0 when all is well, else 3; 4 for what it does not do. Changes nothing of the package. */
export async function runArchives(
  { ask, json }: { readonly ask: ArchivesAsk; readonly json: boolean },
  context: Context,
  shop: ArchivesShop,
): Promise<number> {
  const print = (value: object, text: string): void =>
    void context.out.write(json ? `${JSON.stringify({ version: 1, ...value }, null, 2)}\n` : text);
  switch (ask.kind) {
    case 'list': {
      const { archives, problems } = await shop.list();
      const seen = { now: context.clock.now(), installed: shop.installed.version };
      print(listJson(archives, problems), renderList(archives, seen, styleFor(context.out, context.env)));
      if (!json) for (const problem of problems) context.err.write(`immune: ${problem}\n`);
      return problems.length === 0 ? exitCodes.ok : exitCodes.unhealthy;
    }
    case 'verify': {
      const archive = await find(ask.name, shop);
      const progress = createProgress(context, json);
      const outcome = await verified(archive, { context, shop, progress });
      print(verifiedJson(archive.name, outcome), renderVerified(archive.name, outcome));
      return outcome.kind === 'verified' ? exitCodes.ok : exitCodes.unhealthy;
    }
    case 'check': {
      const depth = ask.full ? 'full' : 'quick';
      const compared = await compare(null, { depth, context, shop });
      refuseOther(compared, shop);
      print(checkedJson(compared), renderChecked(compared));
      return compared.check.damaged.length === 0 ? exitCodes.ok : exitCodes.unhealthy;
    }
    case 'restore': {
      if (!ask.dryRun)
        throw new UserError(
          'refused',
          'nothing was changed: what is to be restored is worked out by fix-deps',
          {
            hint: 'immune fix-deps, or look first: immune archives restore --dry-run',
            exitCode: exitCodes.refused,
          },
        );
      const { name } = await find(ask.name, shop);
      const compared = await compare(name, { depth: 'quick', context, shop });
      refuseOther(compared, shop);
      print(restoreJson(name, compared), renderRestore(name, compared));
      return exitCodes.ok;
    }
    default:
      return ask satisfies never;
  }
}

async function verified(
  { name }: Archive,
  {
    context,
    shop,
    progress,
  }: { readonly context: Context; readonly shop: ArchivesShop; readonly progress: Progress },
): Promise<VerifyOutcome> {
  const { signal } = context;
  const onUnit = (done: number, all: number): void => progress.show(`${name}: ${done} of ${all} units`);
  try {
    return orInterrupted(await shop.verify(name, { signal, onUnit }), context);
  } finally {
    progress.end();
  }
}

async function compare(
  name: string | null,
  on: { readonly depth: TreeCheck['depth']; readonly context: Context; readonly shop: ArchivesShop },
): Promise<Compared> {
  const { depth, context, shop } = on;
  const compared = orInterrupted(await shop.compare(name, { depth, signal: context.signal }), context);
  switch (compared.kind) {
    case 'compared':
      return compared;
    case 'none':
      throw noArchive();
    case 'failed':
      throw new UserError('unreadable', `the package could not be compared: ${compared.because}`, {
        hint: 'immune archives',
        exitCode: exitCodes.unhealthy,
      });
    default:
      return compared satisfies never;
  }
}

/** Files of one version say nothing of another one, and are never put in its place. */
function refuseOther({ head }: Compared, { installed }: ArchivesShop): void {
  if (installed.version === null || installed.version === head.openclaw) return;
  throw new UserError(
    'other-version',
    `openclaw ${installed.version} is installed, and this is ${head.openclaw}: they are not compared, and one is never restored over the other`,
    {
      hint: 'immune job archive, once the gateway has served with it for a while',
      exitCode: exitCodes.unhealthy,
    },
  );
}

function orInterrupted<T>(result: T, { signal }: Context): T {
  if (!signal.aborted) return result;
  throw new UserError('interrupted', 'interrupted: nothing was changed', {
    hint: 'the same again',
    exitCode: exitCodes.interrupted,
  });
}

async function find(name: string | null, shop: ArchivesShop): Promise<Archive> {
  const { archives, problems } = await shop.list();
  const [newest] = archives;
  if (newest === undefined) throw noArchive(problems[0]);
  if (name === null) return newest;
  const exact = archives.find((archive) => archive.name === name);
  const matches = exact === undefined ? archives.filter((archive) => archive.name.startsWith(name)) : [exact];
  const [first] = matches;
  if (first !== undefined && matches.length === 1) return first;
  throw new UserError(
    first === undefined ? 'no-archive' : 'ambiguous',
    first === undefined
      ? `there is no archive ${shown(name)}`
      : `${shown(name)} is the beginning of ${matches.length} archives`,
    { hint: 'immune archives', exitCode: first === undefined ? exitCodes.unhealthy : exitCodes.usage },
  );
}

const noArchive = (problem?: string): UserError =>
  new UserError(
    'no-archive',
    `there is no archive of the package yet${problem === undefined ? '' : `: ${problem}`}; the first one is taken once the gateway has served for a while`,
    { hint: 'immune status', exitCode: exitCodes.unhealthy },
  );
