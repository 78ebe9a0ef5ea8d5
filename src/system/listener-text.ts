/** Somebody who listens on a TCP port. What a tool does not tell is null or empty, never guessed. */
export interface Listener {
  readonly pid: number | null;
  readonly uid: number | null;
  readonly command: string;
  readonly address: string;
}

/** `lsof -F pcun`: a process begins at `p`, its files at `f`; every `n` of a file is one listening address. */
export function parseLsof(text: string): readonly Listener[] {
  const listeners: Listener[] = [];
  let pid: number | null = null;
  let uid: number | null = null;
  let command = '';
  for (const line of text.split('\n')) {
    const value = line.slice(1);
    switch (line[0]) {
      case 'p':
        pid = wholeNumber(value);
        uid = null;
        command = '';
        break;
      case 'c':
        command = value;
        break;
      case 'u':
        uid = wholeNumber(value);
        break;
      case 'n':
        listeners.push({ pid, uid, command, address: value });
        break;
      default:
        // `f` (the descriptor) and whatever a newer lsof adds say nothing we need.
        break;
    }
  }
  return listeners;
}

/**
 * netstat of macOS (`-anv -p tcp`, with a `pid` column up to macOS 15 and `process:pid` since) and of Linux's
 * net-tools (`-lntpe`). Columns are found by the header, for they have moved between releases. Null when there is no
 * header we know: an empty list would claim that nobody listens.
 */
export function parseNetstat(text: string, port: number): readonly Listener[] | null {
  const lines = text.split('\n');
  const headerAt = lines.findIndex((line) => /^Proto\s/.test(line));
  const columns = headerColumns(lines[headerAt] ?? '');
  const state = columns.findIndex((name) => /^\(?state\)?$/i.test(name));
  const local = columns.indexOf('Local');
  if (headerAt < 0 || state < 0 || local < 0) return null;
  const owner = columns.findIndex(
    (name) => name === 'pid' || name === 'process:pid' || name === 'PID/Program',
  );
  const user = columns.indexOf('User');

  return lines.slice(headerAt + 1).flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const address = fields[local] ?? '';
    if (!/^tcp/.test(fields[0] ?? '') || fields[state] !== 'LISTEN' || portOf(address) !== port) return [];
    const uid = user < 0 ? null : wholeNumber(fields[user] ?? '');
    // A name may hold spaces, so the owner is whatever follows the columns before it.
    const rest = owner < 0 ? '' : fields.slice(owner).join(' ');
    return [{ ...parseOwner(rest, columns[owner] ?? ''), uid, address: withColon(address) }];
  });
}

/** The headings of two words count as one column each, as their values do. */
function headerColumns(header: string): readonly string[] {
  return header
    .replace('Local Address', 'Local')
    .replace('Foreign Address', 'Foreign')
    .replace('PID/Program name', 'PID/Program')
    .trim()
    .split(/\s+/);
}

function parseOwner(rest: string, column: string): { readonly pid: number | null; readonly command: string } {
  switch (column) {
    case 'pid':
      return { pid: positive(rest.split(' ')[0] ?? ''), command: '' };
    case 'process:pid': {
      const match = /^(.*?):(\d+)(?:\s|$)/.exec(rest);
      return match === null
        ? { pid: null, command: '' }
        : { pid: positive(match[2] ?? ''), command: match[1] ?? '' };
    }
    case 'PID/Program': {
      const match = /^(\d+)\/(.*)$/.exec(rest);
      return match === null
        ? { pid: null, command: '' }
        : { pid: positive(match[1] ?? ''), command: match[2] ?? '' };
    }
    default:
      return { pid: null, command: '' };
  }
}

/** One form for all tools: `127.0.0.1.18789` of macOS becomes `127.0.0.1:18789`. */
function withColon(address: string): string {
  return /:\d+$/.test(address) ? address : address.replace(/\.(\d+)$/, ':$1');
}

/** macOS separates the port by a dot (`127.0.0.1.18789`, `*.18789`), Linux by a colon (`:::18789`). */
function portOf(address: string): number | null {
  return wholeNumber(/[.:](\d+)$/.exec(address)?.[1] ?? '');
}

function wholeNumber(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** The kernel shows pid 0 for sockets whose process it no longer knows. */
function positive(text: string): number | null {
  const value = wholeNumber(text);
  return value === 0 ? null : value;
}
