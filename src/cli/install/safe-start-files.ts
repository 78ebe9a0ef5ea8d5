import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rootOfEntry } from '../../gateway/package.ts';
import { readText } from '../../gateway/read-text.ts';
import { listIn, recordIn, type SafeStartRecord, wrapperIn } from '../../gateway/safe-start-hook.ts';
import { quoteForShell } from './launchers.ts';

export interface HookFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

export interface WrapperWords {
  readonly directory: string;
  readonly root: string;
  readonly record: SafeStartRecord;
  /** `bin/immune` of this installation. */
  readonly immune: string;
  readonly launchctl: string;
  /** launchd's name of the watchdog, with its domain. */
  readonly watchdog: string;
}

/** The verb ends by itself after 20 s; five more for a machine that has just started. */
const checkSeconds = 25;
/** OpenClaw has 66 direct dependencies; the shell reads the list byte by byte: 65 take 4 ms. */
const mostListed = 200;

/** The wrapper's text: every value is quoted, so that a path with spaces, quotes or umlauts stays one word. */
function renderSafeStart(template: string, words: WrapperWords): string {
  const { directory, root, record, immune, launchctl, watchdog } = words;
  const values: Readonly<Record<string, string>> = {
    ROOT: quoteForShell(root),
    LIST: quoteForShell(listIn(directory)),
    NODE: quoteForShell(record.node),
    ENTRY: quoteForShell(record.entry),
    COMMAND: [...record.flags, record.entry].map(quoteForShell).join(' '),
    IMMUNE: quoteForShell(immune),
    LAUNCHCTL: quoteForShell(launchctl),
    WATCHDOG: quoteForShell(watchdog),
    PATH: pathWords(record),
    MOVED: movedWords(root),
    SECONDS: String(checkSeconds),
    MOST: String(mostListed),
  };
  return template.replace(/@([A-Z]+)@/g, (slot, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the wrapper asks for ${slot}, which nobody gives`);
    return value;
  });
}

export const rootOf = ({ entry }: SafeStartRecord): string => rootOfEntry(entry) ?? dirname(dirname(entry));

/** Without a wrapper OpenClaw itself puts this folder first. */
function pathWords({ node }: SafeStartRecord): string {
  const folder = quoteForShell(dirname(node));
  return [
    `case ":\${PATH-}:" in`,
    `  *:${folder}:*) ;;`,
    '  *)',
    `    PATH=${folder}\${PATH:+:$PATH}`,
    '    export PATH',
    '    ;;',
    'esac',
  ].join('\n');
}

/**
 * Only where not even the folder is left that held the package: one that is only damaged must not be exchanged for an
 * older one that may be on the PATH too.
 */
function movedWords(root: string): string {
  return [
    `if [ ! -d ${quoteForShell(dirname(root))} ]; then`,
    '  openclaw_immune_moved=$(command -v openclaw 2>/dev/null)',
    '  case $openclaw_immune_moved in',
    '    /*) [ ! -x "$openclaw_immune_moved" ] || exec "$openclaw_immune_moved" "$@" ;;',
    '  esac',
    'fi',
  ].join('\n');
}

/** Left behind where OpenClaw cannot take its wrapper out: it only becomes the gateway. */
export function renderPassThrough(record: SafeStartRecord): string {
  const { node, flags, entry } = record;
  const command = [...flags, entry].map(quoteForShell).join(' ');
  return [
    '#!/bin/sh',
    '# Becomes the OpenClaw gateway and does nothing else. openclaw-immune was removed, but the gateway is still started',
    '# through this file; once "OPENCLAW_WRAPPER= openclaw gateway install --force" went well, its folder can go too.',
    pathWords(record),
    movedWords(rootOf(record)),
    `openclaw_immune_node=${quoteForShell(node)}`,
    '[ -x "$openclaw_immune_node" ] || openclaw_immune_node=$(command -v node)',
    `exec "$openclaw_immune_node" ${command} "$@"`,
    '',
  ].join('\n');
}

/** The package's direct dependencies that are there, or were when the list was made, each by its package.json. */
export function renderKeyPackages(root: string, former: string): string {
  const dependencies = dependenciesOf(root);
  if (dependencies === null) return former;
  const known = new Set(former.split('\n'));
  const names = dependencies.filter((name) => /^(?:@[\w.-]+\/)?[\w.-]+$/.test(name));
  const files = names.map((name) => `node_modules/${name}/package.json`);
  const listed = files.filter((file) => known.has(file) || existsSync(join(root, file)));
  return listed
    .slice(0, mostListed)
    .map((file) => `${file}\n`)
    .join('');
}

/** Null where the package does not say. */
function dependenciesOf(root: string): readonly string[] | null {
  try {
    const { dependencies } = JSON.parse(readText(join(root, 'package.json')) ?? 'null') as {
      readonly dependencies?: Readonly<Record<string, unknown>>;
    };
    return Object.keys(dependencies ?? {}).sort();
  } catch {
    // A damaged package has no list to give; the entry and package.json are looked at all the same.
    return null;
  }
}

/** Everything in our folder; the wrapper last, so that what launchd starts never lacks what stands beside it. */
export const hookFiles = (template: string, words: WrapperWords): readonly HookFile[] => [
  {
    path: listIn(words.directory),
    text: renderKeyPackages(words.root, readText(listIn(words.directory)) ?? ''),
    mode: 0o600,
  },
  { path: recordIn(words.directory), text: `${JSON.stringify(words.record)}\n`, mode: 0o600 },
  { path: wrapperIn(words.directory), text: renderSafeStart(template, words), mode: 0o700 },
];
