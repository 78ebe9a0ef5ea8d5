// A preload: while the file named by DISK_FULL is there, every write through a file handle ends with ENOSPC, half done.
import fs from 'node:fs';

const flag = decodeURI(process.env.DISK_FULL ?? '');
const probe = await fs.promises.open('/dev/null');
const fileHandle = Object.getPrototypeOf(probe);
await probe.close();
const real = fileHandle.writeFile;
fileHandle.writeFile = async function limited(data, options) {
  if (!fs.existsSync(flag)) return real.call(this, data, options);
  const bytes = Buffer.from(data);
  await real.call(this, bytes.subarray(0, Math.floor(bytes.length / 2)));
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
};
