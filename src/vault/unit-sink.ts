import type { ManifestEntry, Unit, UnitName } from './manifest.ts';

export type FileEntry = ManifestEntry & { readonly kind: 'file' };
type LinkEntry = ManifestEntry & { readonly kind: 'link' };
type DirectoryEntry = ManifestEntry & { readonly kind: 'directory' };

/**
 * What takes a tree in while it is read: unit after unit, and in each the entries in the order of the manifest. Nothing
 * is handed over before the call of before has come back. What it throws (as a full disk) ends the recording, which
 * then fails with these words.
 */
export interface UnitSink {
  begin(unit: UnitName): Promise<void>;
  /**
   * The entry is complete, hash and all. A buffer is valid until the promise is fulfilled: its memory is used again for
   * the next file. A file of more than `wholeFileBytes` comes in chunks, for which the same holds.
   */
  file(entry: FileEntry, bytes: Buffer | AsyncIterable<Buffer>): Promise<void>;
  link(entry: LinkEntry): Promise<void>;
  directory(entry: DirectoryEntry): Promise<void>;
  /** The unit as it will stand in the manifest: its digest is known only now. */
  end(unit: Unit): Promise<void>;
}

/** A file of up to this size is given in one piece. */
export const wholeFileBytes = 8 * 1024 * 1024;
