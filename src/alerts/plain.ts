/** More of a text than this is not even looked at. */
const maxInputLength = 65_536;

// OSC and CSI sequences whole: without their first character the rest of them would be left as text.
const ansi =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  /(?:\u001b\]|\u009d)[^\u0007\u001b]{0,2048}(?:\u0007|\u001b\\)?|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]/g;
const lineBreaks = /\r\n|[\r\n\v\f\u0085\u2028\u2029]/g;
/** Whatever is shown as nothing, reorders what is shown, or means something only to one machine. */
const unseen = /(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Default_Ignorable_Code_Point}]/gu;
/** Letters with towers of marks on them paint over the lines around. */
const towers = /(\p{M}{3})\p{M}+/gu;

/**
 * Text that shows what it is: no terminal sequences, no controls, nothing invisible or reordering, plain spaces. Line
 * breaks of every kind become `\n`. Only after this may secrets be looked for: an odd character inside hides them.
 */
export function plainText(text: string): string {
  return text
    .slice(0, maxInputLength)
    .toWellFormed()
    .replace(ansi, '')
    .replace(lineBreaks, '\n')
    .replace(/[\t\p{Zs}]/gu, ' ')
    .replace(unseen, '')
    .replace(towers, '$1');
}

/** The same as one line of at most `most` characters. */
export function plainLine(text: string, most: number): string {
  return cut(plainText(text).replace(/\s+/g, ' ').trim(), most);
}

/** At most so many characters (code points: half of one is garbage), the last an ellipsis where something went. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, Math.max(0, most - 1)).join('')}…`;
}

/** At most so many bytes of UTF-8. */
export function cutBytes(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  let kept = '';
  let bytes = Buffer.byteLength('…');
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > most) break;
    kept += character;
  }
  return `${kept}…`;
}
