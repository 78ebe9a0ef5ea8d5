import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, promises as files } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress, constants as zlib } from 'node:zlib';
import { syncDirectory } from './durable-file.ts';
import { type FileFailure, fileFailure } from './file-failure.ts';
import { cleanEnvironment } from './run.ts';

export type PackOutcome =
  | { readonly kind: 'packed'; readonly bytes: number; readonly sha256: string }
  | FileFailure;
export type VerifyOutcome =
  /** `bytes` is the size of the tar inside, `entries` what tar itself listed. */
  | { readonly kind: 'verified'; readonly entries: number; readonly bytes: number; readonly sha256: string }
  | FileFailure;

const defaultTimeoutMs = 15 * 60_000;
/** A damaged or hostile archive must not fill a disk or an afternoon: OpenClaw's package is about a gigabyte. */
const defaultMaxBytes = 16 * 1_073_741_824;
const maxStderr = 4_096;
/** zstd's own middle ground: within a few percent of the higher levels at many times their speed. */
const level = 6;

/** Packs the contents of a directory (as `./…`) into one tar.zst, streaming: whole or not there at all. */
export async function packTarZst(request: {
  /** Absolute path of tar. */
  readonly tar: string;
  readonly sourceDir: string;
  readonly outFile: string;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}): Promise<PackOutcome> {
  const { outFile, sourceDir } = request;
  const directory = dirname(outFile);
  const temporary = join(directory, `.${basename(outFile)}.${randomBytes(6).toString('hex')}.tmp`);
  const signal = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs);
  const packed = counter(request.maxBytes ?? defaultMaxBytes);
  try {
    const handle = await files.open(temporary, 'wx', 0o600);
    try {
      const child = start(request.tar, ['-C', sourceDir, '-cf', '-', '.']);
      const ended = end(child);
      child.stdin.end();
      const compress = createZstdCompress({
        params: { [zlib.ZSTD_c_compressionLevel]: level, [zlib.ZSTD_c_checksumFlag]: 1 },
      });
      const out = new Writable({
        write: (chunk: Buffer, _encoding, callback) => {
          handle.writeFile(chunk).then(() => callback(), callback);
        },
      });
      try {
        await pipeline(child.stdout, compress, packed.stream, out, { signal });
        await ended();
      } finally {
        child.kill('SIGKILL');
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await files.rename(temporary, outFile);
  } catch (error) {
    // The first failure is the one to tell.
    await files.rm(temporary, { force: true }).catch(() => undefined);
    return fileFailure(`pack ${sourceDir}`, signal.aborted ? new Error('it took too long') : error);
  }
  const synced = await syncDirectory(directory);
  return synced.kind === 'failed' ? synced : { kind: 'packed', ...packed.result() };
}

/** Reads an archive back to its last byte: zstd's checksum, then tar's own reading of what is inside. */
export async function verifyTarZst(
  file: string,
  tar: string,
  limits: { readonly timeoutMs?: number; readonly maxBytes?: number } = {},
): Promise<VerifyOutcome> {
  const signal = AbortSignal.timeout(limits.timeoutMs ?? defaultTimeoutMs);
  const packed = counter(limits.maxBytes ?? defaultMaxBytes);
  const unpacked = counter(limits.maxBytes ?? defaultMaxBytes);
  try {
    const child = start(tar, ['-tf', '-']);
    const ended = end(child);
    let entries = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 0x0a) entries += 1;
    });
    try {
      const source = createReadStream(file);
      await pipeline(source, packed.stream, createZstdDecompress(), unpacked.stream, into(child.stdin), {
        signal,
      });
      await ended();
    } finally {
      child.kill('SIGKILL');
    }
    // tar takes an empty input for an empty archive; a real one has two blocks of zeros at least.
    if (unpacked.result().bytes === 0) throw new Error('there is no tar inside');
    return { kind: 'verified', entries, bytes: unpacked.result().bytes, sha256: packed.result().sha256 };
  } catch (error) {
    return fileFailure(`verify ${file}`, signal.aborted ? new Error('it took too long') : error);
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** COPYFILE_DISABLE keeps macOS's tar from adding a `._` file with extended attributes beside every file. */
function start(tar: string, args: readonly string[]): Child {
  return spawn(tar, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), COPYFILE_DISABLE: '1' },
  });
}

/** Watches a child from its first moment; the returned function waits and throws unless it ended well. */
function end(child: Child): () => Promise<void> {
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < maxStderr) stderr += chunk.toString('utf8').slice(0, maxStderr - stderr.length);
  });
  const result = new Promise<Error | null>((resolve) => {
    child.once('error', resolve);
    child.once('close', (code, signal) => {
      resolve(
        code === 0 ? null : new Error(`tar ended with ${code ?? signal}: ${stderr.trim().slice(0, 500)}`),
      );
    });
  });
  // A tar that could not be started also breaks its pipes; those errors say less than its own.
  child.stdin.on('error', () => undefined);
  return async () => {
    const failure = await result;
    if (failure !== null) throw failure;
  };
}

/** Counts, hashes and bounds what flows through. */
function counter(maxBytes: number) {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform: (chunk: Buffer, _encoding, callback) => {
      bytes += chunk.length;
      hash.update(chunk);
      callback(bytes > maxBytes ? new Error(`more than ${maxBytes} bytes`) : null, chunk);
    },
  });
  let digest: string | null = null;
  const result = (): { readonly bytes: number; readonly sha256: string } => {
    digest ??= hash.digest('hex');
    return { bytes, sha256: digest };
  };
  return { stream, result };
}

/** Feeds a child and goes on reading when it has had enough: tar may stop at its end mark, we read to the last byte. */
function into(stdin: Writable): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, callback) => {
      if (!stdin.writable) {
        callback();
        return;
      }
      // A closed pipe is tar's decision; its exit code says whether it was content.
      stdin.write(chunk, () => callback());
    },
    final: (callback) => {
      stdin.end(() => callback());
    },
  });
}
