/** Beyond this a "word" is no path or option of ours but a mistake. */
const longestWord = 4_096;

/**
 * One word for `sh`, whatever it contains: inside single quotes nothing is special, and a single quote itself is
 * written as '\''. NUL cannot be in a path or an argument at all.
 */
export function quoteForShell(word: string): string {
  if (word.includes('\0') || word.length > longestWord) {
    throw new Error(`cannot be written as a word of a shell script: ${word.length} characters`);
  }
  return `'${word.replaceAll("'", "'\\''")}'`;
}

export interface Launcher {
  readonly title: string;
  readonly dataDir: string;
  readonly logsDir: string;
  readonly node: string;
  /** Options of Node. */
  readonly flags: readonly string[];
  /** The bundle. */
  readonly app: string;
  /** Arguments of `immune`, before those of the caller. */
  readonly words: readonly string[];
  /** Where it is noted that node and app have run. */
  readonly stamp: string;
  /** What takes the same words where node and app cannot run. */
  readonly lifeboat: string;
}

/** Fills the launcher template. Every value is quoted, so a home with spaces, quotes or umlauts stays one word. */
export function renderLauncher(template: string, launcher: Launcher): string {
  const values: Readonly<Record<string, string>> = {
    TITLE: launcher.title,
    DATA: quoteForShell(launcher.dataDir),
    LOGS: quoteForShell(launcher.logsDir),
    NODE: quoteForShell(launcher.node),
    FLAGS: launcher.flags.map(quoteForShell).join(' '),
    APP: quoteForShell(launcher.app),
    WORDS: launcher.words.map(quoteForShell).join(' '),
    STAMP: quoteForShell(launcher.stamp),
    LIFEBOAT: quoteForShell(launcher.lifeboat),
  };
  // One pass over the template: a value that looks like a slot is left as it is. What is empty leaves no gap.
  return template.replace(/@([A-Z]+)@( ?)/g, (slot, name: string, gap: string) => {
    const value = values[name];
    if (value === undefined)
      throw new Error(`the launcher template asks for ${slot.trim()}, which nobody gives`);
    return value === '' ? '' : `${value}${gap}`;
  });
}
