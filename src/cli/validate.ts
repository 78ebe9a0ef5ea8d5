import { resolve } from 'node:path';
import { UserError } from '../core/errors.ts';
import { readIfExists } from '../system/durable-file.ts';
import { run } from '../system/run.ts';
import { openChangeGround } from './change-ground.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { type FileVerdict, judgeCandidate, judgeLive, verdictLines } from './judge-file.ts';

/** A config is kilobytes; whatever is larger than this is not one. */
const maxBytes = 8_388_608;

/** `immune validate [file]`: 0 valid, 3 invalid or not to be judged. Changes nothing. */
export async function runValidate(
  { file, json }: { readonly file: string | null; readonly json: boolean },
  context: Context,
): Promise<number> {
  const { shop, settings, place, version } = await openChangeGround(context, 'the validation');
  try {
    const path = file === null ? place.configPath : resolve(file);
    const tools = { run, timeoutMs: settings.policy.validatorMs, signal: context.signal };
    const verdict =
      path === place.configPath
        ? await judgeLive(place, tools)
        : await judgeCandidate({ bytes: await readCandidate(path), shownAs: path }, place, tools);
    const valid = verdict.structure.sound && verdict.validator.kind === 'valid';
    const text = json
      ? JSON.stringify(asJson({ path, valid, version, verdict }), null, 2)
      : [path, ...verdictLines(verdict, version)].join('\n');
    context.out.write(`${text}\n`);
    return valid ? exitCodes.ok : exitCodes.unhealthy;
  } finally {
    shop.log.close();
  }
}

function asJson(of: {
  readonly path: string;
  readonly valid: boolean;
  readonly version: string | null;
  readonly verdict: FileVerdict;
}): unknown {
  const { path, valid, version, verdict } = of;
  return { version: 1, path, valid, openclaw: version, ...verdict };
}

/** What the operator names must be there and be a file; everything else about it is for the judges to say. */
export async function readCandidate(path: string): Promise<Buffer> {
  const read = await readIfExists(path, maxBytes);
  if (read.kind === 'read') return read.bytes;
  const because = read.kind === 'missing' ? `there is no ${path}` : read.because;
  throw new UserError('no-file', because, { hint: `ls -l ${path}`, exitCode: exitCodes.usage });
}
