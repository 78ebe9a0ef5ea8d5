/** The gateway's own environment as OpenClaw wrote it; names to values. */
export type Environment = Readonly<Record<string, string>>;

/**
 * Parses OpenClaw's service environment file: lines `export NAME='value'`, where a quote inside a value is written
 * `'\''` and a value may span lines. Lines of another shape are passed over: the shell would run them, we do not.
 */
export function parseServiceEnv(text: string): Environment {
  const found: Record<string, string> = {};
  for (const match of text.matchAll(/^export ([A-Za-z_][A-Za-z0-9_]*)='((?:[^']|'\\'')*)'[ \t]*$/gm)) {
    const [, name, value] = match;
    if (name !== undefined && value !== undefined) found[name] = value.replaceAll("'\\''", "'");
  }
  return found;
}

/** Parses a `.env` file of the state directory: `NAME=value`, optionally quoted; `#` begins a comment line. */
export function parseDotEnv(text: string): Environment {
  const found: Record<string, string> = {};
  for (const match of text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)$/gm)) {
    const [, name, raw] = match;
    if (name === undefined || raw === undefined) continue;
    const quoted = /^(["'])(.*)\1/.exec(raw.trim());
    found[name] = quoted?.[2] ?? raw.replace(/\s+#.*$/, '').trim();
  }
  return found;
}
