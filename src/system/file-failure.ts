/** An expected failure of a file operation: the system's code and a sentence a person can act on. */
export interface FileFailure {
  readonly kind: 'failed';
  readonly code: string;
  readonly because: string;
}

const sentences: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission was denied',
  EPERM: 'the operation is not permitted',
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  EEXIST: 'it already exists',
  ELOOP: 'it is a symbolic link, or there are too many of them',
  EMFILE: 'too many files are open in this process',
  ENFILE: 'too many files are open on this machine',
  EIO: 'the disk reported an input/output error',
  EXDEV: 'source and target are on different file systems',
};

/** The system's code of anything thrown by a file operation; `UNKNOWN` when it carries none. */
export function errorCode(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return 'UNKNOWN';
}

/** Turns a thrown file error into a value; `what` reads on after "could not", for example "write /a/b". */
export function fileFailure(what: string, error: unknown): FileFailure {
  const code = errorCode(error);
  const plain = sentences[code] ?? (error instanceof Error ? error.message : String(error));
  return { kind: 'failed', code, because: `could not ${what}: ${plain} (${code})` };
}
