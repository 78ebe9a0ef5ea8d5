import type { Instant } from '../core/time.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogValue = string | number | boolean | null | undefined;
export type LogFields = Readonly<Record<string, LogValue>>;

/** A line longer than this is cut: one odd error text must not fill the log. */
export const maxLineBytes = 8_192;
/** More of a string than this is not even looked at. */
const maxInputLength = 65_536;
/** Every string is cut to this once it is clean. */
const maxStringLength = 4_096;
const maxFields = 32;
/** Names pino writes itself; a field of the same name would appear twice in one JSON object. */
const takenNames: ReadonlySet<string> = new Set(['level', 'time', 'msg']);

// CSI and OSC sequences first, then whatever single control characters are left of them or stand alone.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const ansi = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]{0,2048}(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
const lineBreaks = /[\r\n\t\v\f\u0085\u2028\u2029]+/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const controls = /[\u0000-\u001f\u007f-\u009f]/g;
// Marks that reorder or hide text in a viewer: the line would read otherwise than it is.
const invisible = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/**
 * One line of harmless text: no terminal sequences, no line breaks, no reordering marks, no secrets. In this order: an
 * odd character inside a secret would hide it from the redaction, and a cut in the middle of one would leave its head.
 */
export function safeText(text: string, redact: (text: string) => string): string {
  return redact(plainLine(text.slice(0, maxInputLength)))
    .slice(0, maxStringLength)
    .toWellFormed();
}

/** One line without anything a terminal obeys or a viewer hides. */
export function plainLine(text: string): string {
  return text
    .toWellFormed()
    .replace(ansi, '')
    .replace(lineBreaks, ' ')
    .replace(controls, '')
    .replace(invisible, '');
}

/** Fields without odd characters and secrets, undefined ones left out. */
export function cleanFields(
  fields: LogFields,
  redact: (text: string) => string,
): Record<string, Exclude<LogValue, undefined>> {
  const clean: Record<string, Exclude<LogValue, undefined>> = {};
  for (const [name, value] of Object.entries(fields).slice(0, maxFields)) {
    if (value === undefined) continue;
    const safeName = safeText(name, redact);
    clean[takenNames.has(safeName) ? `${safeName}_` : safeName] =
      typeof value === 'string' ? safeText(value, redact) : value;
  }
  return clean;
}

/** `2026-11-22 08:01:02.123 +0000  INFO   Sentence. (key=value …)`: local time, as Console.app's readers expect. */
export function renderPlain(
  at: Instant,
  level: LogLevel,
  event: { readonly sentence: string; readonly fields: LogFields },
): string {
  const fields = Object.entries(event.fields).map(([name, value]) => `${name}=${renderValue(value)}`);
  const tail = fields.length === 0 ? '' : ` (${fields.join(' ')})`;
  return cutLine(`${localTime(at)}  ${level.toUpperCase().padEnd(5)}  ${event.sentence}${tail}`);
}

function renderValue(value: LogValue): string {
  if (typeof value !== 'string') return String(value);
  return /^[^\s"=()]+$/.test(value) ? value : JSON.stringify(value);
}

function cutLine(line: string): string {
  const bytes = Buffer.from(line);
  if (bytes.length < maxLineBytes) return line;
  // Cutting bytes may split a character; the decoder's replacement marks at the end are dropped.
  const head = bytes
    .subarray(0, maxLineBytes - 8)
    .toString('utf8')
    .replace(/\ufffd+$/, '');
  return `${head}…`;
}

function localTime(at: Instant): string {
  const date = new Date(at);
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const zone = `${sign}${pad(Math.trunc(Math.abs(offset) / 60))}${pad(Math.abs(offset) % 60)}`;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')} ${zone}`;
}

const pad = (value: number): string => String(value).padStart(2, '0');
