import manifest from '../../package.json' with { type: 'json' };

/** Baked into the bundle when it is built. */
export const { version } = manifest;
