import { openStore } from '../daemon/open-store.ts';
import { readConfigSet } from '../gateway/config-set.ts';
import { run } from '../system/run.ts';
import { openChangeGround } from './change-ground.ts';
import { textsOfFiles } from './config-difference.ts';
import type { Context } from './context.ts';
import type { SnapshotShop } from './snapshots.ts';

/** The snapshots of this installation, for a command. `close` when it is done. */
export async function openSnapshotShop(
  context: Context,
  name: string,
): Promise<SnapshotShop & { readonly close: () => void }> {
  const { shop, settings, place } = await openChangeGround(context, name);
  const { paths, clock } = context;
  return {
    store: openStore({ paths, settings, run, clock, processes: shop.processes }),
    live: () => {
      // Named as the store names them, so that the two can be compared.
      const set = readConfigSet(place.configPath, place.env, null);
      return set.kind === 'read'
        ? { kind: 'read', texts: textsOfFiles(set.files) }
        : { kind: 'failed', because: set.because };
    },
    redact: shop.redact,
    close: () => shop.log.close(),
  };
}
