import { gzipSync } from 'node:zlib';
import { tarEnd, tarHeader, tarPadding } from '../../vault/tar-write.ts';

interface PackedFile {
  readonly name: string;
  readonly text: string;
}

/**
 * A .tar.gz of small texts below one folder. Made here, and not by the system's tar out of a folder: nothing has to lie
 * on a disk that may be full, and a machine without tar is one more that needs help.
 */
export function packFiles(folder: string, files: readonly PackedFile[]): Buffer {
  const folders = [folder, ...new Set(files.flatMap(({ name }) => parentsOf(`${folder}/${name}`)))];
  const pieces: Buffer[] = [...new Set(folders)].map((path) =>
    tarHeader({ kind: 'directory', path, mode: 0o700 }),
  );
  for (const { name, text } of files) {
    const bytes = Buffer.from(text, 'utf8');
    const path = `${folder}/${name}`;
    pieces.push(
      tarHeader({ kind: 'file', path, mode: 0o600, size: bytes.length, mtimeMs: 0, sha256: '' }),
      bytes,
      tarPadding(bytes.length),
    );
  }
  return gzipSync(Buffer.concat([...pieces, tarEnd]));
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
}
