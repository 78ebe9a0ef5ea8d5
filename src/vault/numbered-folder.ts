import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDirectory, type Files, syncDirectory } from '../system/durable-file.ts';
import { fileFailure } from '../system/file-failure.ts';
import { isPlainName } from './stored-text.ts';

export type OpenedFolder =
  | { readonly kind: 'opened'; readonly folder: string }
  | { readonly kind: 'failed'; readonly because: string };

/** Folders of one id: the counter of actions begins anew when the journal is lost, so an id may come again. */
const maxOfOneId = 1_000;

/** A new private folder for what the change `id` replaces: `<id>`, or `<id>~2` where that is taken. */
export async function openNumbered(directory: string, id: string, files?: Files): Promise<OpenedFolder> {
  if (!isPlainName(id) || id.includes('~')) {
    return { kind: 'failed', because: `"${id.slice(0, 80)}" cannot be the name of a change` };
  }
  const prepared = await ensurePrivateDirectory(directory, files);
  if (prepared.kind === 'failed') return prepared;
  const taken = await numberedFolders(directory, id);
  const number = (taken.at(-1)?.number ?? 0) + 1;
  if (number > maxOfOneId)
    return { kind: 'failed', because: `${directory} holds too many changes named ${id}` };
  const folder = join(directory, number === 1 ? id : `${id}~${number}`);
  try {
    await (files ?? { mkdir }).mkdir(folder, { mode: 0o700 });
  } catch (error) {
    return fileFailure(`make ${folder}`, error);
  }
  const synced = await syncDirectory(directory, files);
  return synced.kind === 'failed' ? synced : { kind: 'opened', folder };
}

/** Names of the folders of one id, oldest first. */
export async function numberedFolders(
  directory: string,
  id: string,
): Promise<readonly { readonly name: string; readonly number: number }[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .flatMap((name) => {
      if (name === id) return [{ name, number: 1 }];
      const number = name.startsWith(`${id}~`) ? Number(name.slice(id.length + 1)) : 0;
      return Number.isInteger(number) && number > 1 ? [{ name, number }] : [];
    })
    .sort((one, other) => one.number - other.number);
}
