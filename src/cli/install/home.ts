import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';

export interface Account {
  readonly uid: number;
  /** The home of the user database. */
  readonly home: string;
}

export interface ChosenHome {
  readonly home: string;
  /** Something the operator should know about the choice, or null. */
  readonly note: string | null;
}

/**
 * The home to install into. launchd reads the LaunchAgents of the user database's home, so that is the rule. $HOME
 * stands in for it only when it is a directory this very user owns (a second home made on purpose, a test): under sudo
 * or su it is often somebody else's.
 */
export async function chooseHome(
  account: Account,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ChosenHome> {
  const wanted = env['HOME'];
  if (wanted === undefined || wanted === account.home) return { home: account.home, note: null };
  if (isAbsolute(wanted) && (await ownerOf(wanted)) === account.uid) {
    return {
      home: wanted,
      note: `HOME is ${wanted}, the account's home is ${account.home}: this installs into HOME, but macOS loads LaunchAgents at login only from the account's home.`,
    };
  }
  return {
    home: account.home,
    note: `HOME is ${wanted}, which is not a directory of this user: the account's home ${account.home} is used.`,
  };
}

async function ownerOf(path: string): Promise<number | null> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? found.uid : null;
  } catch {
    // A HOME that cannot be looked at is not a home.
    return null;
  }
}
