import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const usual = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

/** The absolute path of a tool, as the installer would find it. */
export function findTool(name: string): string | null {
  for (const directory of [...(process.env['PATH'] ?? '').split(delimiter), ...usual]) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return null;
}
