// Preloaded into the gateway to make its boot slow: it waits, alive and without a listener, for as long as the file
// beside it says. The wait blocks, as a migration or a plugin upgrade does.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { isMainThread } = require('node:worker_threads');

const milliseconds = Number(readFileSync(join(__dirname, 'slow-boot-ms'), 'utf8'));
if (isMainThread) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
