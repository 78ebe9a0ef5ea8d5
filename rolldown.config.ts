import { defineConfig, type Plugin } from 'rolldown';

/**
 * V8 keeps a source with a single character beyond Latin-1 in two bytes for every character: for as long as the daemon
 * runs, 1.3 MB for some 2000 characters in its dependencies. Escaped they mean the same in strings, patterns and names.
 */
const oneByte = (): Plugin => ({
  name: 'one-byte',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== 'chunk') continue;
      file.code = file.code.replace(
        /[\u0080-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    }
  },
});

// One self-contained ESM file: it must run from an empty folder with nothing installed beside it.
export default defineConfig({
  plugins: [oneByte()],
  input: 'src/main.ts',
  platform: 'node',
  output: {
    file: 'dist/immune.mjs',
    format: 'esm',
    codeSplitting: false,
    // The daemon holds this text in memory for months: licences stay, other comments do not.
    comments: { legal: true, annotation: false, jsdoc: false },
    minify: { compress: true, mangle: false, codegen: false },
    banner: '#!/usr/bin/env node',
  },
});
