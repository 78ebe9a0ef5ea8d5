import type { Measured } from './measure.ts';

/** Prints events line by line; on a terminal the current state is one line that is redrawn. */
export function createShow(out: NodeJS.WriteStream): {
  title(text: string): void;
  line(text: string): void;
  live(text: string): void;
} {
  const began = Date.now();
  const tty = out.isTTY === true;
  let last = '';
  const clear = (): void => {
    if (tty && last !== '') out.write('\r\u001b[2K');
  };
  return {
    title: (text) => {
      clear();
      last = '';
      out.write(`\n${tty ? `\u001b[1m${text}\u001b[0m` : text}\n`);
    },
    line: (text) => {
      clear();
      last = '';
      out.write(`${text}\n`);
    },
    live: (text) => {
      if (text === last) return;
      const at = `${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  `;
      if (tty) {
        const width = Math.max(40, (out.columns ?? 100) - 1);
        clear();
        out.write(`${at}${text}`.slice(0, width));
      } else if (kind(text) !== kind(last)) {
        out.write(`${at}${text}\n`);
      }
      last = text;
    },
  };
}

/** Without a terminal a line a phase is enough; the seconds inside a sentence are not news. */
const kind = (text: string): string => text.replace(/\d+(\.\d+)? ?(ms|s|min)\b/g, '#');

export function renderTable(rows: readonly Measured[]): string {
  const head = ['fault', 'detect', 'repair', 'boot', 'total', 'actions', 'verdict'];
  const cells = rows.map((row) => [
    row.fault.name,
    seconds(row.detectMs),
    seconds(row.repairMs),
    seconds(row.bootMs),
    row.fault.expect.end === 'leave' ? 'left down' : seconds(row.totalMs),
    String(row.actions),
    row.verdict,
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const render = (line: readonly string[]): string =>
    line
      .map((cell, i) =>
        i === 0 || i === line.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('   ')
      .trimEnd();
  return [render(head), render(widths.map((width) => '-'.repeat(width))), ...cells.map(render)].join('\n');
}

const seconds = (ms: number | null): string => (ms === null ? '-' : `${(ms / 1000).toFixed(2)} s`);
