import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

/** What is kept of an answer, in characters: whether it was granted stands at its beginning. */
const KEPT = 64 * 1024;

/**
 * So long after the last byte that came the other side is told that we send no more: it may have waited for the rest of a request, and
 * would for as long as its deadlines say. In milliseconds.
 */
const QUIET_MS = 15;

/** Opens a TLS connection, sends the bytes, and reads until the other side closes. Rejects only where there is no TLS. */
export function exchange(options: ConnectionOptions, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let isOpen = false;
    const socket: TLSSocket = connect({ ...options, host: '127.0.0.1' });
    let quiet: NodeJS.Timeout | undefined;
    const wait = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.end(), QUIET_MS);
    };
    socket.setEncoding('latin1');
    socket.on('secureConnect', () => {
      isOpen = true;
      socket.write(bytes);
      wait();
    });
    socket.on('data', (piece: string) => {
      if (text.length < KEPT) text += piece;
      wait();
    });
    // A connection that is cut while we write is an answer too; the close that follows ends this.
    socket.on('error', (error) => {
      if (!isOpen) reject(error);
    });
    socket.on('close', () => {
      clearTimeout(quiet);
      resolve(text);
    });
  });
}

/** The status of each answer among what came. */
export function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}
