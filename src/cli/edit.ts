import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { readIfExists, writeDurable } from '../system/durable-file.ts';
import { run } from '../system/run.ts';
import { type ChangeGround, openChangeGround } from './change-ground.ts';
import type { EditAsk } from './change-words.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { findOnPath } from './install/tools.ts';
import { type FileVerdict, isRefused, judgeCandidate, verdictLines } from './judge-file.ts';
import { propose } from './propose.ts';
import type { Terminal } from './terminal.ts';
import { readCandidate } from './validate.ts';

/** A config is kilobytes; whatever is larger than this is not one. */
const maxBytes = 8_388_608;
/** Whoever has not got it right by then is better served by an editor of their own and `immune apply`. */
const maxRounds = 50;
/** Where nothing is said, what nearly every machine has, the friendliest first. */
const usualEditors = ['nano', 'vim', 'vi'] as const;

/** `immune edit`: an editor on a private copy, then the way of `immune apply`. */
export async function runEdit(ask: EditAsk, context: Context, terminal: Terminal): Promise<number> {
  if (!terminal.interactive)
    throw new UserError('no-terminal', 'an editor needs a terminal, and there is none here', {
      hint: 'change a copy by other means, then immune apply <file>',
      exitCode: exitCodes.usage,
    });
  const argv = await editorOf(context);
  const ground = await openChangeGround(context, 'the change');
  try {
    const copy = await copyOf(ground.place.configPath);
    let code: number = exitCodes.unhealthy;
    try {
      code = await editAndPropose({ ask, argv, copy }, { context, ground, terminal });
      return code;
    } finally {
      // What a person wrote is not thrown away because it did not get in.
      if (code === exitCodes.ok) await rm(copy.folder, { recursive: true, force: true });
      else context.err.write(`your text is kept as ${copy.path}\n`);
    }
  } finally {
    ground.shop.log.close();
  }
}

interface Copy {
  readonly folder: string;
  readonly path: string;
  readonly before: Buffer;
}

interface Editing {
  readonly ask: EditAsk;
  readonly argv: readonly string[];
  readonly copy: Copy;
}

interface Surroundings {
  readonly context: Context;
  readonly ground: ChangeGround;
  readonly terminal: Terminal;
}

async function editAndPropose({ ask, argv, copy }: Editing, on: Surroundings): Promise<number> {
  const { context, ground, terminal } = on;
  for (let round = 0; round < maxRounds; round += 1) {
    const ended = await terminal.run([...argv, copy.path]);
    if (ended !== 0)
      throw new UserError('editor', `nothing was changed: ${argv.join(' ')} did not end well (${ended})`, {
        hint: 'EDITOR=nano immune edit',
        exitCode: exitCodes.unhealthy,
      });
    const bytes = await readCandidate(copy.path);
    if (bytes.equals(copy.before)) {
      context.out.write(`${ground.place.configPath} is as it was: nothing to do\n`);
      return exitCodes.ok;
    }
    const verdict = await judged(bytes, on);
    if (!isRefused(verdict)) {
      const manner = { dryRun: false, yes: false, json: false, by: 'immune edit' };
      return propose({ ...ask, ...manner, bytes, shownAs: 'the edited config', verdict }, on);
    }
    context.out.write(`${verdictLines(verdict, ground.version).join('\n')}\n`);
    if (!(await terminal.ask('Edit it again?'))) break;
  }
  throw new UserError('invalid', 'nothing was changed: the edited config is invalid', {
    hint: `mend it, then immune apply ${copy.path}`,
    exitCode: exitCodes.refused,
  });
}

function judged(bytes: Buffer, { context, ground }: Surroundings): Promise<FileVerdict> {
  const tools = { run, timeoutMs: ground.settings.policy.validatorMs, signal: context.signal };
  return judgeCandidate({ bytes, shownAs: 'the edited config' }, ground.place, tools);
}

/** The config's own file name, so that the editor knows how to colour it; in a folder that only its owner enters. */
async function copyOf(configPath: string): Promise<Copy> {
  const read = await readIfExists(configPath, maxBytes);
  if (read.kind === 'unreadable' || read.kind === 'too-large')
    throw new UserError('unreadable', `there is nothing to edit: ${read.because}`, {
      hint: 'immune fix-config',
      exitCode: exitCodes.unhealthy,
    });
  const before = read.kind === 'read' ? read.bytes : Buffer.alloc(0);
  const folder = await mkdtemp(join(tmpdir(), 'openclaw-edit-'));
  const path = join(folder, basename(configPath));
  const written = await writeDurable(path, before, { mode: 0o600 });
  if (written.kind === 'failed')
    throw new UserError('unwritable', written.because, {
      hint: `make room in ${tmpdir()}`,
      exitCode: exitCodes.unhealthy,
    });
  return { folder, path, before };
}

/** As git does it: $VISUAL, then $EDITOR, words split at blanks and never given to a shell. */
async function editorOf({ env }: Context): Promise<readonly string[]> {
  const wanted = [env['VISUAL'], env['EDITOR']].find((words) => (words ?? '').trim() !== '');
  if (wanted !== undefined) {
    const [program = '', ...rest] = wanted.trim().split(/\s+/);
    const file = program.includes('/') ? program : await findOnPath(program, env['PATH']);
    if (file !== null) return [file, ...rest];
    throw new UserError('no-editor', `the editor ${program} is not on PATH`, {
      hint: 'EDITOR=nano immune edit',
      exitCode: exitCodes.usage,
    });
  }
  for (const name of usualEditors) {
    const file = await findOnPath(name, env['PATH']);
    if (file !== null) return [file];
  }
  throw new UserError('no-editor', 'no editor was found; $VISUAL and $EDITOR are not set', {
    hint: 'EDITOR=/path/to/editor immune edit',
    exitCode: exitCodes.usage,
  });
}
