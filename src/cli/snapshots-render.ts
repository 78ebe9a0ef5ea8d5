import { changeWords, keyText } from '../core/config-change.ts';
import { masked } from '../core/mask.ts';
import type { SnapshotContent, SnapshotEntry } from '../vault/snapshot.ts';
import type { ConfigDifference, FileDifference, KeyDifference } from './config-difference.ts';
import { clockTime } from './status/words.ts';
import type { Style } from './style.ts';

/** One line of the list. */
export interface Listed {
  readonly entry: SnapshotEntry;
  /** Against the one before it; null for the oldest, and where one of the two cannot be read. */
  readonly difference: ConfigDifference | null;
}

/** Keys named in one line of the list; `diff` names them all. */
const keysInLine = 3;
/** Lines of one diff; a config has some hundred keys. */
const mostLines = 500;
const idLength = 12;

export const shortId = (id: string): string => id.slice(0, idLength);

export function renderList(listed: readonly Listed[], style: Style): string {
  const versions = Math.max(1, ...listed.map(({ entry }) => (entry.openclaw ?? '-').length));
  const lines = listed.map(({ entry, difference }) => {
    const { id, takenAt, label, openclaw, source } = entry;
    const word = label.padEnd('verified'.length);
    const paint = label === 'verified' ? style.good : label === 'bad' ? style.bad : style.faint;
    const where = source === 'copy' ? '  (plain copy)' : '';
    return `${shortId(id)}  ${clockTime(takenAt)}  ${paint(word)}  ${(openclaw ?? '-').padEnd(versions)}  ${wordsOf(difference)}${where}`.trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

/** What changed, in a few words. */
function wordsOf(difference: ConfigDifference | null): string {
  if (difference === null) return '';
  const { keys, files } = difference;
  const words = [...keys.slice(0, keysInLine).map(changeWords), ...files.slice(0, 1).map(fileWords)];
  const more = keys.length + files.length - words.length;
  if (words.length === 0) return 'the config is the same';
  return `${words.join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

function fileWords({ file, kind }: FileDifference): string {
  switch (kind) {
    case 'unparseable':
      return `${file} cannot be compared by key, for it does not parse in both`;
    case 'wording':
      return `${file} differs in comments or formatting only`;
    default:
      return kind satisfies never;
  }
}

/** One line a key: `+` added, `-` removed, `~` changed. */
export function renderDifference({ keys, files }: ConfigDifference): string {
  if (keys.length + files.length === 0) return 'the config is the same\n';
  const lines = [...keys.map(keyLine), ...files.map((file) => `! ${fileWords(file)}`)];
  const more = lines.length - mostLines;
  return `${[...lines.slice(0, mostLines), ...(more > 0 ? [`and ${more} more`] : [])].join('\n')}\n`;
}

const signs = { added: '+', removed: '-', changed: '~' } as const;

function keyLine(change: KeyDifference): string {
  const { path, kind, before, after } = change;
  if (path.length === 0) return `${signs[kind]} ${changeWords(change)}`;
  return `${signs[kind]} ${placeOf(change)}${valueWords(before, after)}`;
}

/** Only a file other than the main one is named. */
function placeOf({ file, path }: Pick<KeyDifference, 'file' | 'path'>): string {
  return file === 'openclaw.json' ? keyText(path) : `${keyText(path)} (${file})`;
}

function valueWords(before: string | null, after: string | null): string {
  if (before === masked && after === masked) return '';
  if (before === null || after === null) {
    const shown = before ?? after ?? masked;
    return shown === masked ? '' : `: ${shown}`;
  }
  return `: ${before} -> ${after}`;
}

/** One value of a recorded config, as it may be shown. */
interface ShownValue {
  readonly file: string;
  readonly key: string;
  readonly value: string;
}

export interface Shown {
  readonly entry: SnapshotEntry;
  readonly content: SnapshotContent;
  readonly files: readonly { readonly name: string; readonly sha256: string; readonly bytes: number }[];
  readonly values: readonly ShownValue[];
  /** What was left out, or could not be parsed. */
  readonly remarks: readonly string[];
}

export function renderShown({ entry, content, files, values, remarks }: Shown): string {
  const schemas = Object.entries(content.schemas).map(([name, version]) => `${name} ${version}`);
  const names = Math.max(...files.map(({ name }) => name.length));
  let file = '';
  const lines = values.flatMap((one) => {
    const head = one.file === file ? [] : ['', `${one.file}:`];
    file = one.file;
    return [...head, `  ${one.key}: ${one.value}`];
  });
  return [
    `snapshot  ${entry.id}`,
    `taken     ${clockTime(entry.takenAt)}`,
    `label     ${entry.label}`,
    `openclaw  ${content.openclaw ?? 'not known'}`,
    ...(content.bootId === null ? [] : [`boot      ${content.bootId}`]),
    ...(schemas.length === 0 ? [] : [`schemas   ${schemas.join(', ')}`]),
    'files',
    ...files.map(({ name, sha256, bytes }) => `  ${name.padEnd(names)}  ${sha256}  ${bytes} bytes`),
    ...lines,
    ...remarks.map((remark) => `\n${remark}`),
    '',
  ].join('\n');
}
