/** One WebSocket as the connection logic needs it; `client.ts` makes real ones. */
export interface RawSocket {
  send(text: string): void;
  ping(): void;
  /** Says goodbye; no handler is called afterwards. */
  close(code: number): void;
  /** Ends it at once, without a word; no handler is called afterwards. */
  terminate(): void;
}

interface RawSocketHandlers {
  readonly onText: (text: string) => void;
  /** A ping or pong of the peer: it is alive. */
  readonly onControl: () => void;
  /** Called exactly once, whatever ended it. */
  readonly onEnd: (code: number, reason: string) => void;
}

interface SocketTarget {
  /** `ws://127.0.0.1:18789` or `wss://…`. */
  readonly url: string;
}

export type OpenSocket = (
  target: SocketTarget,
  limits: { readonly handshakeTimeoutMs: number },
  handlers: RawSocketHandlers,
) => RawSocket;
