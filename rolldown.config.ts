import { defineConfig } from 'rolldown';

// One self-contained ESM file: it must run from an empty folder with nothing installed beside it.
export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  output: {
    file: 'dist/immune.mjs',
    format: 'esm',
    codeSplitting: false,
    minify: { compress: true, mangle: false, codegen: false },
    banner: '#!/usr/bin/env node',
  },
});
