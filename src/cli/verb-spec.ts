/** One option of a verb. `value` names what follows it; without one it is a switch. */
export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  readonly value?: string;
  readonly words: string;
}

export interface VerbSpec {
  readonly name: string;
  /** One line for the list of verbs; null keeps a verb that only LaunchAgents use out of it. */
  readonly summary: string | null;
  readonly options: readonly OptionSpec[];
  /** The one word that may follow, in the form help shows it. */
  readonly argument: string | null;
  /** How many words may follow; one where `argument` is given and this is not. */
  readonly mostArguments?: number;
  /** What help says below the usage, one line each. */
  readonly more: readonly string[];
}

export const json: OptionSpec = { name: 'json', words: 'one JSON object with stable keys' };
export const dryRun: OptionSpec = { name: 'dry-run', words: 'print every file and command, change nothing' };

export const yes: OptionSpec = { name: 'yes', short: 'y', words: 'do not ask' };
export const restart: OptionSpec = {
  name: 'restart',
  words: 'restart the gateway with it, so that a boot proves it',
};
export const confirmWithin: OptionSpec = {
  name: 'confirm-within',
  value: 'LENGTH',
  words: 'take it back unless "immune confirm" is typed within this time, such as 2m',
};
