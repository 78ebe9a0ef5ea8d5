/** Breaks a text at blanks into lines of at most `width` characters; a longer word stays whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

/** A phone held upright shows about this much. */
const narrowest = 36;
const widest = 100;
/** Into a pipe, or where nobody says how wide it is. */
const usual = 72;

/** How wide a text should be for the one who reads it. */
export function widthOf(stream: { readonly columns?: number | undefined }): number {
  return Math.max(narrowest, Math.min(widest, stream.columns ?? usual));
}
