import { lstat, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { UserError } from '../../core/errors.ts';
import type { Instant } from '../../core/time.ts';
import { spell, spellBytes } from '../../core/words.ts';
import { writeDurable } from '../../system/durable-file.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { renderCommand } from '../install/render.ts';
import { createProgress } from '../progress.ts';
import { report, reported } from '../report.ts';
import { clockTime } from '../status/words.ts';
import { version } from '../version.ts';
import { type GatheredPart, gatherParts, type Part } from './gather.ts';
import { createMask } from './mask.ts';
import { packFiles } from './pack.ts';
import { supportParts } from './parts.ts';
import { readSupportGround } from './secrets.ts';

export interface BundleAsk {
  readonly output: string | null;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** `immune support-bundle`: 0 when it is written, also where parts of it could not be made. */
export function runSupportBundle(ask: BundleAsk, context: Context): Promise<number> {
  const to = { json: ask.json, context };
  return reported({ ...to, blank: blank([]) }, () => make(ask, context));
}

async function make(ask: BundleAsk, context: Context): Promise<number> {
  const { clock, out, signal } = context;
  const { json } = ask;
  const at = clock.now();
  const name = `openclaw-immune-support-${clockTime(at).replaceAll(/[: ]/g, '-')}`;
  const targets = await targetsOf(ask.output, `${name}.tar.gz`, context);
  const ground = await readSupportGround(context);
  const parts = await supportParts(context, ground);
  if (ask.dryRun) {
    if (!json) out.write(planText(parts, targets[0]));
    const more = { ...blank(parts), path: targets[0] };
    const because = 'nothing was written';
    return report({ exitCode: exitCodes.ok, outcome: 'planned', because, more }, { json, context });
  }
  const progress = createProgress(context, json);
  progress.show(`gathering ${parts.length} parts …`);
  const mask = createMask(ground.secrets);
  const onPart = (waiting: readonly string[]): void => {
    const names = waiting.slice(0, 3).join(', ');
    if (waiting.length > 0)
      progress.show(`${parts.length - waiting.length} of ${parts.length} parts; waiting for ${names}`);
  };
  const gathered = await Promise.race([gatherParts(parts, { clock, mask, onPart }), aborted(signal)]);
  progress.end();
  if (gathered === null) {
    const because = 'interrupted: nothing was written';
    const more = blank(parts);
    return report(
      { exitCode: exitCodes.interrupted, outcome: 'interrupted', because, more },
      { json, context },
    );
  }
  const about = { at, stateDir: ground.place.stateDir, secrets: ground.secrets.size };
  const files = [{ name: 'README.txt', text: mask.text(indexText(gathered, about)) }, ...gathered];
  const bytes = packFiles(name, files);
  const path = await write(bytes, targets, context.paths);
  return report(
    {
      exitCode: exitCodes.ok,
      outcome: 'written',
      because: `support bundle: ${path} (${spellBytes(bytes.length)}, ${countWords(gathered)}); look through it before you send it`,
      next: renderCommand(['tar', '-xzf', path, '-C', tmpdir()]),
      more: { path, bytes: bytes.length, parts: gathered.map(partJson) },
    },
    { json, context },
  );
}

function countWords(gathered: readonly GatheredPart[]): string {
  const failed = gathered.filter(({ problem }) => problem !== null).map(({ name }) => name);
  const missing = failed.length === 0 ? '' : `, ${failed.length} could not be made: ${failed.join(', ')}`;
  return `${gathered.length} parts${missing}`;
}

const partJson = ({ name, words, text, problem }: GatheredPart) => ({
  name,
  words,
  bytes: Buffer.byteLength(text),
  problem,
});

/** The keys that `--json` always has. */
const blank = (parts: readonly Part[]) => ({
  path: null,
  bytes: null,
  parts: parts.map(({ name, words }) => ({ name, words, bytes: null, problem: null })),
});

/** Where it is written: the first place that takes it. */
async function targetsOf(
  output: string | null,
  file: string,
  { paths }: Context,
): Promise<readonly [string, ...string[]]> {
  if (output === null) {
    const here = currentFolder();
    const others = [join(paths.data, file), join(tmpdir(), file)] as const;
    return here === null ? others : [join(here, file), ...others];
  }
  const folder = isAbsolute(output) ? null : currentFolder();
  const path = folder === null ? output : resolve(folder, output);
  const facts = await lstat(path).catch(() => null);
  if (facts === null) {
    await requireFolder(dirname(path), paths);
    return [path];
  }
  const isFolder = facts.isDirectory() || (await lstat(join(path, '.')).catch(() => null))?.isDirectory();
  if (isFolder) return [join(path, file)];
  throw new UserError('exists', `${path} is there already, and is left as it is`, {
    hint: renderCommand(['immune', 'support-bundle', '--output', join(paths.data, file)]),
    exitCode: exitCodes.refused,
  });
}

/** Before anything is gathered: that takes a while, and a slip of the keyboard shows at once. */
async function requireFolder(folder: string, paths: Context['paths']): Promise<void> {
  const failure = await stat(folder).then(
    (facts) => (facts.isDirectory() ? null : `${folder} is not a folder`),
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? `there is no folder ${folder}` : null),
  );
  if (failure === null) return;
  throw new UserError('no-folder', `nothing was written: ${failure}`, {
    hint: await elsewhere([folder], paths),
    exitCode: exitCodes.refused,
  });
}

/** The command with a folder that is there, and is none of those that failed. */
async function elsewhere(failed: readonly string[], { data }: Context['paths']): Promise<string> {
  for (const folder of [data, tmpdir()]) {
    const isThere = (await stat(folder).catch(() => null))?.isDirectory() === true;
    if (isThere && !failed.includes(folder))
      return renderCommand(['immune', 'support-bundle', '--output', folder]);
  }
  return 'df -h, then immune support-bundle --output FOLDER with a folder on a disk that has room';
}

function currentFolder(): string | null {
  try {
    return resolve('.');
  } catch {
    // Somebody has removed the folder this shell stands in.
    return null;
  }
}

async function write(bytes: Buffer, targets: readonly string[], paths: Context['paths']): Promise<string> {
  const reasons: string[] = [];
  for (const path of targets) {
    const written = await writeDurable(path, bytes, { mode: 0o600 });
    if (written.kind === 'done') return path;
    reasons.push(written.because);
  }
  throw new UserError('not-written', `the bundle could not be written: ${reasons.join('; ')}`, {
    hint: await elsewhere(
      targets.map((path) => dirname(path)),
      paths,
    ),
    exitCode: exitCodes.unhealthy,
  });
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((done) => {
    if (signal.aborted) done(null);
    else signal.addEventListener('abort', () => done(null), { once: true });
  });
}

const takenOut = [
  'Taken out: every value of the config, of its environment files and of the job that is not an ordinary word or place,',
  'what looks like a token, password, key or certificate, addresses of people, and where URLs lead. "[redacted]" stands there.',
  "OpenClaw's own logs, its sessions, its credentials and its memory are not in here: people's words are in them.",
];

function indexText(
  gathered: readonly GatheredPart[],
  about: { readonly at: Instant; readonly stateDir: string; readonly secrets: number },
): string {
  const lines = gathered.map(({ name, words, problem, tookMs }) =>
    problem === null
      ? `${name}: ${words}`
      : `${name}: ${words}. COULD NOT BE MADE (${spell(tookMs)}): ${problem}`,
  );
  return [
    `A support bundle of openclaw-immune ${version}, made on ${clockTime(about.at)} (${new Date(about.at).toISOString()}).`,
    'It was made on this machine and sent nowhere. Look through it before you give it to anybody.',
    '',
    ...takenOut,
    `${about.secrets} values were known and looked for. What was left out of OpenClaw lies in ${about.stateDir}.`,
    '',
    ...lines,
    '',
  ].join('\n');
}

function planText(parts: readonly Part[], target: string): string {
  const width = Math.max(...parts.map(({ name }) => name.length));
  const lines = parts.map(({ name, words }) => `  ${name.padEnd(width)}  ${words}`);
  const head = `would write ${target}, for its owner alone, with`;
  return `${[head, ...lines, ...takenOut].join('\n')}\n`;
}
