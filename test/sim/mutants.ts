import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Mutation, mutations } from './mutations.ts';

/** A guard whose loss shows in none of so many worlds is not proven. */
const seeds = 400;
/** A mutant that takes longer hangs: that is no catch. */
const timeoutMs = 180_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const copy = mkdtempSync(join(tmpdir(), 'immune-mutants-'));

/** The simulator's worlds with the core as it is in the copy: the first that fails, or null. */
function firstCatch(): { readonly caught: string | null; readonly seconds: number } {
  const began = performance.now();
  const args = [join(copy, 'test', 'sim', 'run.ts'), '--seeds', String(seeds), '--first'];
  const { status, stdout, error } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: timeoutMs,
  });
  const seconds = (performance.now() - began) / 1_000;
  if (error !== undefined || (status !== 0 && status !== 1))
    throw new Error(`the simulator itself failed: ${error ?? stdout}`);
  const line = stdout.split('\n').find((each) => each.startsWith('world '));
  return { caught: status === 1 ? (line ?? 'something') : null, seconds };
}

/** Puts the mutation into the copy, and returns how to take it out again. */
function apply({ name, edits }: Mutation): () => void {
  const before = new Map<string, string>();
  for (const { file, find, put } of edits) {
    const path = join(copy, 'src', 'core', file);
    const text = readFileSync(path, 'utf8');
    if (text.split(find).length !== 2)
      throw new Error(`"${name}" no longer fits: "${find}" is not exactly once in ${file}`);
    if (!before.has(path)) before.set(path, text);
    writeFileSync(
      path,
      text.replace(find, () => put),
    );
  }
  return () => {
    for (const [path, text] of before) writeFileSync(path, text);
  };
}

let survived = 0;
try {
  for (const part of ['src', join('test', 'sim'), 'package.json'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  const sound = firstCatch();
  if (sound.caught !== null)
    throw new Error(`without any mutation the simulator fails already: ${sound.caught}`);
  console.log(`sound core: ${seeds} worlds, nothing caught (${sound.seconds.toFixed(1)} s)`);
  for (const mutation of mutations) {
    const restore = apply(mutation);
    const { caught, seconds } = firstCatch();
    restore();
    if (caught === null) survived += 1;
    console.log(
      `${caught === null ? 'SURVIVED' : 'caught  '} ${seconds.toFixed(1).padStart(5)} s  ${mutation.name}${caught === null ? '' : `: ${caught.slice(0, 150)}`}`,
    );
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  survived += 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
const count = mutations.length;
console.log(`${Math.max(0, count - survived)} passed, ${survived} failed, 0 skipped`);
process.exitCode = survived > 0 ? 1 : 0;
