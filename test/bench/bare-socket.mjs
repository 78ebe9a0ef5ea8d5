// The floor: a bare Node that holds one authenticated WebSocket to the gateway and does nothing else.
import { WebSocket } from 'ws';

const [url, token] = process.argv.slice(2);
const ws = new WebSocket(url, { perMessageDeflate: false });
ws.on('message', (data) => {
  const frame = JSON.parse(data.toString());
  if (frame.event === 'connect.challenge') {
    const client = { id: 'openclaw-probe', version: '0', platform: process.platform, mode: 'probe' };
    const params = { minProtocol: 3, maxProtocol: 4, client, role: 'operator', scopes: [], auth: { token } };
    ws.send(JSON.stringify({ type: 'req', id: '1', method: 'connect', params }));
  }
  if (frame.type === 'res')
    process.stdout.write(frame.ok ? 'held\n' : `refused ${JSON.stringify(frame.error)}\n`);
});
ws.on('close', () => process.exit(0));
