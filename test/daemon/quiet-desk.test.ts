import { expect, it } from 'vitest';
import { beginBook } from '../../src/core/alert-book.ts';
import { takeLine } from '../../src/core/alert-compose.ts';
import type { Notice } from '../../src/core/notice.ts';
import type { JournalEntry } from '../../src/daemon/journal.ts';
import { quietDesk } from '../../src/daemon/quiet-desk.ts';
import { desk, incidentOf, lineOf, notice } from '../core/alert-world.ts';

const heard = async (notices: readonly Notice[]): Promise<JournalEntry> => {
  const lines: JournalEntry[] = [];
  const journal = quietDesk.hear({
    append: async (entry) => {
      lines.push(entry);
      return { kind: 'done' };
    },
    close: async () => undefined,
  });
  await journal.append({
    ...lineOf(1, '00:10', { incident: incidentOf() }, notices),
    because: '',
    kind: 'decided',
  });
  return lines[0] as JournalEntry;
};

it('what a command says in the absence of the watchdog is told by no later one', async () => {
  const line = await heard([
    notice('opened', 'it is lost'),
    notice('told', 'observing only: would restart the gateway now'),
    notice('exhausted', 'needs you: no way'),
  ]);
  const book = takeLine(beginBook(0, null), { ...line, seq: 1 }, desk());
  expect(book.entries).toEqual([]);
  expect(book.reasons.map(({ code }) => code)).toEqual(Array(3).fill('asked-by-operator'));
});

it('the end of an outage that was told before stays news', async () => {
  const { notices } = await heard([notice('resolved', 'over'), notice('closed', 'stopped on purpose')]);
  expect(notices.map(({ asked }) => asked)).toEqual([undefined, undefined]);
});

it('has nothing to look at, and nobody asks anything of it', () => {
  const { channels, waiting } = quietDesk.view();
  expect([channels, waiting, quietDesk.retry('1-1').ok, quietDesk.drop('1-1').ok]).toEqual([
    0,
    0,
    false,
    false,
  ]);
});
