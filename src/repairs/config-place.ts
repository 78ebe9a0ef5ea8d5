import { constants, type Stats } from 'node:fs';
import { access, lstat, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { errorCode, fileFailure } from '../system/file-failure.ts';

/** Where a file of the config really stands, proven to be ours to replace. */
export interface Place {
  /** As the config names it. */
  readonly named: string;
  /** The file itself, where `named` is a link. Its folder is free of links. */
  readonly path: string;
  readonly directory: string;
  /** Null where nothing stands. */
  readonly facts: Stats | null;
  /** Folders on the way to it that are not there, and have to be made. */
  readonly bare: boolean;
}

export type PlaceOutcome =
  | { readonly kind: 'found'; readonly place: Place }
  | { readonly kind: 'refused'; readonly because: string };

export interface PlaceRules {
  readonly configPath: string;
  /** The home of the gateway's user: a link may lead anywhere in it. */
  readonly home: string;
  readonly uid: number;
}

/** As many links one behind the other as the systems themselves follow. */
const maxLinks = 32;
/** Missing folders on the way to an included file: OpenClaw nests no deeper. */
const maxBare = 16;

/** Finds the place of one file of the config. Links are followed once, here; what is done later is done to the end. */
export async function findPlace(named: string, rules: PlaceRules): Promise<PlaceOutcome> {
  const folder = dirname(rules.configPath);
  if (!isAbsolute(named) || !isInside(folder, resolve(named))) {
    return refused(`${named} is not in the folder of the config`);
  }
  try {
    const roots = [await realpath(folder), await realpath(rules.home).catch(() => null)];
    const link = await lstatIfThere(named);
    const target = link?.isSymbolicLink() === true ? await endOf(named) : named;
    if (target === null) return refused(`${named} is a link that leads to itself`);
    const { directory, bare } = await realFolder(dirname(target), rules);
    const path = join(directory, basename(target));
    if (!roots.some((root) => root !== null && isInside(root, path))) {
      return refused(
        `${named} leads to ${path}, outside of the config's folder and of the home of the gateway's user`,
      );
    }
    const facts = bare ? null : await lstatIfThere(path);
    if (link?.isSymbolicLink() === true && facts !== null && !facts.isFile()) {
      return refused(`${named} is a link to ${path}, which is no file: remove the link`);
    }
    const stranger = await strangerOf({ path, directory, facts, bare }, rules);
    return stranger === null
      ? { kind: 'found', place: { named, path, directory, facts, bare } }
      : refused(stranger);
  } catch (error) {
    return refused(fileFailure(`find the place of ${named}`, error).because);
  }
}

/** A file or folder of somebody else's is theirs: with rights enough we would only leave it in a wrong hand. */
async function strangerOf(at: Omit<Place, 'named'>, { uid }: PlaceRules): Promise<string | null> {
  if (at.facts !== null && at.facts.uid !== uid) {
    return `${at.path} belongs to user ${at.facts.uid}, not to ${uid}`;
  }
  const folder = at.bare ? await existing(at.directory) : at.directory;
  const owner = (await stat(folder)).uid;
  if (owner !== uid) return `the folder ${folder} belongs to user ${owner}, not to ${uid}`;
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return fileFailure(`change the folder ${folder}`, error).because;
  }
}

/** The folder without links. Where it is not there, the nearest one that is, and the missing names behind it. */
async function realFolder(
  folder: string,
  { configPath }: PlaceRules,
): Promise<{ readonly directory: string; readonly bare: boolean }> {
  try {
    return { directory: await realpath(folder), bare: false };
  } catch (error) {
    // Only below the config's own folder are folders made: without that one OpenClaw's whole state is gone.
    if (errorCode(error) !== 'ENOENT' || !isInside(dirname(configPath), folder)) throw error;
    const there = await existing(folder);
    return { directory: join(await realpath(there), relative(there, folder)), bare: true };
  }
}

async function existing(folder: string): Promise<string> {
  let at = folder;
  for (let step = 0; step < maxBare; step += 1) {
    if ((await lstatIfThere(at)) !== null) return at;
    at = dirname(at);
  }
  return at;
}

/** Where a chain of links ends, whether anything stands there or not; null for a circle. */
async function endOf(link: string): Promise<string | null> {
  let at = link;
  for (let step = 0; step < maxLinks; step += 1) {
    const facts = await lstatIfThere(at);
    if (facts?.isSymbolicLink() !== true) return at;
    at = resolve(await realpath(dirname(at)), await readlink(at));
  }
  return null;
}

export async function lstatIfThere(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}

const refused = (because: string): PlaceOutcome => ({ kind: 'refused', because });
