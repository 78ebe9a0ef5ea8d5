// Takes the gateway's port as soon as it is free and keeps it until it is ended:
//   squatter.mjs HOST PORT tcp|http NAME
import { writeSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createTcp } from 'node:net';

const [host, port, kind, name] = process.argv.slice(2);
process.title = name;
const retryMs = 20;

const server =
  kind === 'http'
    ? createHttp((_request, response) => response.end('<html>somebody else</html>'))
    : createTcp((socket) => socket.on('error', () => undefined));
// While the gateway still holds the port this fails, again and again; whoever started us ends us by pid.
server.on('error', () => setTimeout(listen, retryMs));
server.on('listening', () => writeSync(1, 'listening\n'));
listen();

function listen() {
  server.listen({ host, port: Number(port), ipv6Only: host.includes(':') });
}
