import type { Instant } from '../core/time.ts';

export interface NewCommit {
  readonly branch: string;
  /** Null for the first one of its branch. */
  readonly parent: string | null;
  readonly at: Instant;
  readonly message: string;
  /** The whole tree: what is not here is not in it. Names with slashes, without control characters and quotes. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/** One commit as git's own import format: objects and reference by one process, without index or work tree. */
export function importStream(commit: NewCommit, identity: string): Buffer {
  const at = Math.max(0, Math.trunc(commit.at / 1_000));
  const parts: (string | Uint8Array)[] = [
    // Should we die while writing, the end is missing and git stores nothing.
    'feature done\n',
    `commit refs/heads/${commit.branch}\nmark :1\ncommitter ${identity} ${at} +0000\n`,
    ...data(Buffer.from(commit.message, 'utf8')),
    commit.parent === null ? '' : `from ${commit.parent}\n`,
    'deleteall\n',
  ];
  for (const { name, bytes } of commit.files) {
    if (/["\n\0]/.test(name)) throw new Error(`not a name for git: ${JSON.stringify(name)}`);
    parts.push(`M 100644 inline ${name}\n`, ...data(bytes));
  }
  parts.push('get-mark :1\ndone\n');
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'utf8') : part)));
}

const data = (bytes: Uint8Array): readonly (string | Uint8Array)[] => [`data ${bytes.length}\n`, bytes, '\n'];

/** The answers of `git cat-file --batch` in the order of the questions; null for what is not there. */
export function parseBatch(
  output: Buffer,
  count: number,
): readonly ({ readonly id: string; readonly bytes: Buffer } | null)[] | null {
  const answers: ({ readonly id: string; readonly bytes: Buffer } | null)[] = [];
  let at = 0;
  while (answers.length < count) {
    const end = output.indexOf(10, at);
    if (end < 0) return null;
    const head = output.toString('utf8', at, end);
    const found = /^([0-9a-f]{40}) \w+ (\d+)$/.exec(head);
    at = end + 1;
    if (found === null) {
      if (!head.endsWith(' missing')) return null;
      answers.push(null);
      continue;
    }
    const size = Number(found[2]);
    if (at + size >= output.length) return null;
    answers.push({ id: found[1] ?? '', bytes: output.subarray(at, at + size) });
    at += size + 1;
  }
  return answers;
}
