import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { changeWords, type KeyChange, type KeyPath, keyText } from '../core/config-change.ts';
import type { KeptRecord } from '../vault/kept.ts';
import type { SnapshotEntry } from '../vault/snapshot.ts';
import type { Blame } from './suspects.ts';

/** Keys told in one sentence. */
const maxToldKeys = 5;
/** Lines of one plan: a person reads them. */
const maxLines = 60;

/** "snapshot 1a2b3c4d of 2026-11-22 18:40 UTC". */
export const snapshotName = ({ id, takenAt }: SnapshotEntry): string =>
  `snapshot ${id.slice(0, 8)} of ${new Date(takenAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Each once, the first few by name. */
export function toldKeys(keys: readonly string[]): string {
  const all = [...new Set(keys)];
  const more = all.length - maxToldKeys;
  return `${all.slice(0, maxToldKeys).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** An included file is called as the config's owner calls it. */
export const shownFile = (name: string): string => name.replace(/^includes\//, '');

const shownChange = (change: KeyChange): string => changeWords({ ...change, file: shownFile(change.file) });

export function changeLines(changes: readonly KeyChange[]): readonly string[] {
  const more = changes.length - maxLines;
  const lines = changes.slice(0, maxLines).map(shownChange);
  return more > 0 ? [...lines, `and ${more} more changes`] : lines;
}

export const blameWords = ({
  change,
  because,
}: Blame): { readonly key: string; readonly because: string } => ({
  key: keyText(change.path),
  because,
});

/** A slip in the name of a security setting: without it more may be open than was meant. */
export const doubtWords = (key: KeyPath, meant: KeyPath | null): string =>
  `${keyText(key)} may be a mistyped ${meant === null ? 'security setting' : keyText(meant)}`;

/** Why a fault in a security setting is left to a person. */
export function refusalWords(refused: readonly KeyChange[]): string {
  const keys = toldKeys(refused.map(({ path }) => keyText(path)));
  const [are, them] =
    refused.length === 1 ? ['is a security setting', 'it'] : ['are security settings', 'them'];
  return `${keys} ${are}, and no snapshot may decide ${them}`;
}

/** Why a file that a person has put back stays. */
export const wantedWords = ({ id, undoneFor }: KeptRecord): string =>
  undoneFor === 'asked'
    ? `you put this file back with "immune undo ${id}", so it is not rolled back unattended; "immune fix-config" does it when you ask for it`
    : `this file came back because the change ${id} was not confirmed, so it is not rolled back unattended; "immune fix-config" does it when you ask for it`;

/** What a person can do where nothing can be restored unattended. */
export function adviceOf(configPath: string, because: string): string {
  const own = ['.last-good', '.bak'].filter((end) => existsSync(`${configPath}${end}`));
  const names = own.map((end) => `${basename(configPath)}${end}`).join(' and ');
  return own.length === 0
    ? `${because}; mend ${configPath} by hand; "immune why-config" names what is wrong with it`
    : `${because}; mend ${configPath} by hand, or choose ${names} with "immune fix-config"`;
}
