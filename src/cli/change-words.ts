import { durationFault, parseDuration } from '../config/duration.ts';
import type { Millis } from '../core/time.ts';
import { shown } from './shown.ts';

/** How a command that changes the config was asked to go about it. */
export interface Manner {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly json: boolean;
}

export interface EditAsk {
  /** Null: the change only has to prove itself. */
  readonly confirmWithinMs: Millis | null;
  readonly restart: boolean;
}

export interface ApplyAsk extends EditAsk, Manner {
  readonly file: string;
}

export interface FixAsk extends Manner {
  /** A config the operator names, instead of a recorded one. */
  readonly from: string | null;
}

export interface UndoAsk extends Manner {
  /** Null: the newest that can be undone. */
  readonly id: string | null;
}

export interface RestartAsk extends Manner {
  /** Beyond the budget too. */
  readonly force: boolean;
}

export interface NuclearAsk extends RestartAsk {
  /** npm may fetch what no archive of ours holds. */
  readonly network: boolean;
}

export interface FixDepsAsk extends Manner {
  /** npm may fetch what no archive of ours holds. */
  readonly network: boolean;
}

export const mannerOf = (switches: ReadonlySet<string>): Manner => ({
  dryRun: switches.has('dry-run'),
  yes: switches.has('yes'),
  json: switches.has('json'),
});

interface Words {
  readonly switches: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly argument: string | null;
}

type Change =
  | { readonly kind: 'apply'; readonly ask: ApplyAsk }
  | { readonly kind: 'edit'; readonly ask: EditAsk }
  | { readonly kind: 'undo'; readonly ask: UndoAsk }
  | { readonly kind: 'fix-config'; readonly ask: FixAsk }
  | { readonly kind: 'fix-deps'; readonly ask: FixDepsAsk }
  | { readonly kind: 'refused'; readonly message: string; readonly hint: string };

/** The words of the verbs that change the config or the package. */
export function parseChange(
  verb: 'apply' | 'edit' | 'undo' | 'fix-config' | 'fix-deps',
  { switches, values, argument }: Words,
): Change {
  const manner = mannerOf(switches);
  if (verb === 'fix-config')
    return { kind: 'fix-config', ask: { ...manner, from: values.get('from') ?? null } };
  if (verb === 'fix-deps') return { kind: 'fix-deps', ask: { ...manner, network: switches.has('network') } };
  if (verb === 'undo') {
    if (argument === null || changeName.test(argument) || lifeboatName.test(argument))
      return { kind: 'undo', ask: { ...manner, id: argument } };
    return refused(`"${shown(argument)}" is not the id of a change`, 'immune undo');
  }
  const within = values.get('confirm-within') ?? null;
  const confirmWithinMs = within === null ? null : parseDuration(within);
  if (within !== null && (confirmWithinMs === null || confirmWithinMs <= 0))
    return refused(
      `"${shown(within)}" ${durationFault(within)}`,
      `immune ${verb}${argument === null ? '' : ` ${shown(argument)}`} --confirm-within 2m`,
    );
  const ask = { confirmWithinMs, restart: switches.has('restart') };
  if (verb === 'edit') return { kind: 'edit', ask };
  if (argument === null)
    return refused('"immune apply" needs the file to put in place', 'immune apply <file>');
  return { kind: 'apply', ask: { ...ask, ...manner, file: argument } };
}

/** An undo is a change too, and can be undone; nobody goes to and fro more often than this. */
const changeName = /^[A-Z]\d{1,9}(?:\.undo){0,4}$/;

/** What the lifeboat replaced while no Node could run, by the time in UTC and its pid: see launchd/lifeboat.sh. */
export const lifeboatName = /^lifeboat-(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-\d{1,12}(?:-\d{1,6})?$/;

const refused = (message: string, hint: string): Extract<Change, { kind: 'refused' }> => ({
  kind: 'refused',
  message,
  hint,
});
