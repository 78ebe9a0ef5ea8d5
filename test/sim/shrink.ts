import type { Story } from './happening.ts';
import { live } from './live.ts';

/** More lives than this are not lived for a shorter story. */
const mostLives = 400;

/** Leaves out of a story what its violation does not need. */
export function shrink(story: Story): Story {
  const wanted = kindOf(live(story, { skip: true, transcript: false }).violation);
  let shortest = story;
  let lives = 0;
  const try_ = (from: number, size: number): boolean => {
    const { happenings } = shortest;
    const without = {
      ...shortest,
      happenings: [...happenings.slice(0, from), ...happenings.slice(from + size)],
    };
    lives += 1;
    if (kindOf(live(without, { skip: true, transcript: false }).violation) !== wanted) return false;
    shortest = without;
    return true;
  };
  for (
    let size = Math.ceil(story.happenings.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < shortest.happenings.length && lives < mostLives; ) {
      if (!try_(from, size)) from += size;
    }
  }
  return shortest;
}

/** The same violation, whatever its numbers. */
const kindOf = (violation: string | null): string | null =>
  violation?.replaceAll(/\d+/g, '#').slice(0, 50) ?? null;
