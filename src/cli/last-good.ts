import type { JudgePlace } from '../probes/staged-judge.ts';
import { readIfExists } from '../system/durable-file.ts';
import { type JudgeTools, judgeCandidate } from './judge-file.ts';

/** A config is kilobytes; whatever is larger than this is not one. */
const maxBytes = 8_388_608;
/** As OpenClaw names them, the likeliest first: the copy it promoted, then the ring of its own writes. */
const endings = ['.last-good', '.bak', '.bak.1', '.bak.2', '.bak.3', '.bak.4'] as const;

/** The first of OpenClaw's own copies beside the config that OpenClaw accepts; null without one. */
export async function firstFit(place: JudgePlace, tools: JudgeTools): Promise<string | null> {
  const live = await readIfExists(place.configPath, maxBytes);
  for (const ending of endings) {
    const path = `${place.configPath}${ending}`;
    const read = await readIfExists(path, maxBytes);
    if (read.kind !== 'read') continue;
    if (live.kind === 'read' && live.bytes.equals(read.bytes)) continue;
    const verdict = await judgeCandidate({ bytes: read.bytes, shownAs: path }, place, tools);
    if (verdict.structure.sound && verdict.validator.kind === 'valid') return path;
  }
  return null;
}
