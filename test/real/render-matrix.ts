// The fault matrix as the table of docs/causes.md, from the rows that OPENCLAW_IMMUNE_TEST_MATRIX=FILE collected:
//   node test/real/render-matrix.ts FILE
import { faults } from './faults/index.ts';
import { type MatrixRow, readRows } from './faults/matrix-rows.ts';

function renderMatrix(rows: readonly MatrixRow[]): string {
  const versions = [...new Set(rows.map(({ version }) => version))].toSorted().toReversed();
  const names = faults.map(({ name }) => name).filter((name) => rows.some(({ fault }) => fault === name));
  const head = ['Injected fault', ...versions.flatMap((version) => [`Diagnosed on ${version}`, 'Then'])];
  const lines = names.map((fault) => [
    fault,
    ...versions.flatMap((version) =>
      cells(rows.find((row) => row.fault === fault && row.version === version)),
    ),
  ]);
  return [
    ...versions.map((version) => `${summary(rows.filter((row) => row.version === version))} on ${version}.`),
    '',
    line(head),
    line(head.map(() => '---')),
    ...lines.map(line),
  ].join('\n');
}

const line = (words: readonly string[]): string => `| ${words.join(' | ')} |`;

const isRight = ({ diagnosed, besides, expected }: MatrixRow): boolean =>
  besides.length === 0 && diagnosed.some((cause) => expected.includes(cause));

const isHarmless = ({ ends, allowed }: MatrixRow): boolean => ends.every((how) => allowed.includes(how));

/** A wrong cell says what would have been right. */
function cells(row: MatrixRow | undefined): readonly string[] {
  if (row === undefined) return ['–', '–'];
  const causes = [...row.diagnosed, ...row.besides].join(', ');
  const ends = row.ends.join(', ');
  return [
    isRight(row) ? causes : `**${causes}** (not ${row.expected.join(' or ')})`,
    isHarmless(row) ? ends : `**${ends}** (not ${row.allowed.join(' or ')})`,
  ];
}

function summary(rows: readonly MatrixRow[]): string {
  const right = rows.filter(isRight).length;
  const wrong = rows.filter((row) => !isHarmless(row)).length;
  return `${rows.length} faults, ${right} diagnosed as what they are, ${wrong} answered with a wrong repair`;
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: render-matrix.ts FILE');
console.log(renderMatrix(readRows(path)));
