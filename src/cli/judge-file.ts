import { dirname, relative } from 'node:path';
import { parseJson5 } from '../config/json5.ts';
import { UserError } from '../core/errors.ts';
import type { Millis } from '../core/time.ts';
import { checkConfigFile } from '../gateway/config-check.ts';
import { readConfigFiles } from '../gateway/config-file.ts';
import { readSource } from '../gateway/config-source.ts';
import { validateConfig } from '../gateway/validate-config.ts';
import { type ConfigTexts, isTooDeep, mainName, readLive, staged, strayOf } from '../probes/config-set.ts';
import { createJudge, type Issues, type JudgePlace } from '../probes/staged-judge.ts';
import type { Run } from '../system/run.ts';
import { exitCodes } from './exit-codes.ts';

export interface FileVerdict {
  /** Our own reading, made in milliseconds and without OpenClaw: a sentence about what is wrong with it. */
  readonly structure: { readonly sound: boolean; readonly because: string | null };
  readonly validator:
    | { readonly kind: 'valid' }
    | { readonly kind: 'invalid'; readonly issues: Issues }
    | { readonly kind: 'unknown'; readonly because: string }
    /** What does not read as a config is not shown to it. */
    | { readonly kind: 'not-asked' };
}

export interface JudgeTools {
  readonly run: Run;
  readonly timeoutMs: Millis;
  readonly signal: AbortSignal;
}

/** Rounds in which the files a candidate includes are fetched: OpenClaw's own limit of nesting. */
const maxRounds = 10;

/** Ctrl-C while OpenClaw is being asked: nothing was decided yet. */
export function orInterrupted<T>(work: Promise<T>, { signal }: Pick<JudgeTools, 'signal'>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!signal.aborted) throw error;
    throw new UserError('interrupted', 'interrupted: nothing was changed', {
      hint: 'the same again',
      exitCode: exitCodes.interrupted,
    });
  });
}

export async function judgeLive(place: JudgePlace, tools: JudgeTools): Promise<FileVerdict> {
  const { verdict, config } = checkConfigFile(place.configPath, place.env, null);
  const structure = isTooDeep(config) ? deep(place.configPath) : structureOf(verdict, place);
  if (!structure.sound) return { structure, validator: { kind: 'not-asked' } };
  const { node, packageRoot } = place;
  if (node === null || packageRoot === null)
    return { structure, validator: { kind: 'unknown', because: 'no installed OpenClaw was found' } };
  const opinion = await validateConfig({ ...place, ...tools, node, packageRoot, config: config ?? {} });
  return { structure, validator: opinion };
}

/** Judges a text as if it stood in the place of the live config, beside the live includes. `shownAs` is its own path. */
export async function judgeCandidate(
  candidate: { readonly bytes: Buffer; readonly shownAs: string },
  place: JudgePlace,
  tools: JudgeTools,
): Promise<FileVerdict> {
  const own = parseJson5(candidate.bytes.toString('utf8'));
  if (own.kind === 'ok' && isTooDeep(own.value))
    return { structure: deep(candidate.shownAs), validator: { kind: 'not-asked' } };
  const texts = await withIncludes(candidate.bytes, place);
  const stray = strayOf(place.configPath, texts);
  if (stray !== null)
    return {
      structure: { sound: true, because: null },
      validator: {
        kind: 'unknown',
        because: `${stray} is included by another way than through the folder of ${place.configPath}, which no copy can show`,
      },
    };
  const named = (text: string): string => text.replaceAll(place.configPath, candidate.shownAs);
  const structure = await staged(place.configPath, texts, async (path) => {
    const { verdict } = checkConfigFile(path, place.env, null);
    const own = structureOf(verdict, place);
    return { sound: own.sound, because: own.because?.replaceAll(path, candidate.shownAs) ?? null };
  });
  if (!structure.sound) return { structure, validator: { kind: 'not-asked' } };
  const judgement = await orInterrupted(createJudge(place, tools).judge(texts), tools);
  switch (judgement.kind) {
    case 'valid':
      return { structure, validator: judgement };
    case 'invalid': {
      const issues = judgement.issues.map(({ path, message }) => ({ path, message: named(message) }));
      return { structure, validator: { kind: 'invalid', issues } };
    }
    case 'unknown':
      return { structure, validator: { kind: 'unknown', because: named(judgement.because) } };
    case 'spent':
      return { structure, validator: { kind: 'unknown', because: 'the validator was not asked' } };
    default:
      return judgement satisfies never;
  }
}

const deep = (path: string): FileVerdict['structure'] => ({
  sound: false,
  because: `${path} is nested too deeply`,
});

function structureOf(
  verdict: ReturnType<typeof checkConfigFile>['verdict'],
  { allowUnconfigured }: JudgePlace,
): FileVerdict['structure'] {
  if (verdict.kind === 'sound') return { sound: true, because: null };
  if (verdict.kind === 'faulty' && verdict.fault === 'incomplete' && allowUnconfigured)
    return { sound: true, because: null };
  return { sound: false, because: verdict.because };
}

/** The candidate with the live files it includes: those of the live config, and others that lie there already. */
async function withIncludes(bytes: Buffer, place: JudgePlace): Promise<ConfigTexts> {
  const directory = dirname(place.configPath);
  const live = [...readLive(place, null).texts].filter(([name]) => !name.split('/').includes('..'));
  let texts: ConfigTexts = new Map([...live, [mainName, bytes]]);
  for (let round = 0; round < maxRounds; round += 1) {
    const found = await staged(place.configPath, texts, async (path) =>
      readConfigFiles(path, place.env)
        .lost.filter(({ loss }) => loss === 'missing')
        .flatMap(({ path: wanted }) => liveInclude(relative(dirname(path), wanted), directory)),
    );
    if (found.length === 0) return texts;
    texts = new Map([...texts, ...found]);
  }
  return texts;
}

function liveInclude(name: string, directory: string): readonly (readonly [string, Buffer])[] {
  if (name.startsWith('..')) return [];
  const source = readSource(`${directory}/${name}`);
  // What is not there either, or is no plain file, is named by the verdict.
  return source.kind === 'read' ? [[`includes/${name}`, source.bytes]] : [];
}

/** Lines about it for a person; no value of the config is in them. */
export function verdictLines(verdict: FileVerdict, version: string | null): readonly string[] {
  const { structure, validator } = verdict;
  const who = `OpenClaw${version === null ? '' : ` ${version}`}`;
  if (!structure.sound) return [`invalid: ${structure.because}`];
  switch (validator.kind) {
    case 'valid':
      return [`valid: it reads as a config, and ${who} accepts it`];
    case 'invalid':
      return [
        `invalid: it reads as a config, but ${who} refuses it`,
        ...validator.issues.map(({ path, message }) => `  ${path}: ${message}`),
      ];
    case 'unknown':
      return [
        `not judged: it reads as a config, but OpenClaw's validator could not be asked: ${validator.because}`,
      ];
    case 'not-asked':
      return [];
    default:
      return validator satisfies never;
  }
}

export const isRefused = ({ structure, validator }: FileVerdict): boolean =>
  !structure.sound || validator.kind === 'invalid';
