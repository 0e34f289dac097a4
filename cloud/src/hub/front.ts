import type { Socket } from 'node:net';
import { ENROL_ALPN } from '@hawser/protocol';
import type { Logger } from 'pino';
import { MAX_HELLO_BYTES, readFirstBytes } from './client-hello.ts';
import type { Handshakes } from './handshakes.ts';

export interface FrontOptions {
  readonly handshakes: Handshakes;
  /** Goes on with a connection of which nothing has been read, as far as it can see. */
  readonly link: (socket: Socket) => void;
  /** The same for one whose ClientHello names the enrolment protocol. Undefined where nobody is enrolled: then TLS of links refuses it. */
  readonly enrolment: ((socket: Socket) => void) | undefined;
  readonly onRefused: (why: 'clientHello') => void;
  readonly logger: Logger;
}

/**
 * What is done with each connection to the one port: waits for its ClientHello, within the bounds of handshakes, and passes it on by the
 * ALPN names in it. It does not judge: both TLS servers behind it read the same bytes again, and take only their own protocol.
 */
export function createFront({ handshakes, link, enrolment, onRefused, logger }: FrontOptions): (socket: Socket) => void {
  return (socket) => {
    const onError = (error: Error) => logger.debug({ err: error }, 'connection lost before its ClientHello');
    socket.on('error', onError);
    if (!handshakes.begin(socket)) return;
    const chunks: Buffer[] = [];
    let have = 0;
    let least = 1;

    function look(): void {
      for (let chunk: unknown = socket.read(); Buffer.isBuffer(chunk); chunk = socket.read()) {
        chunks.push(chunk);
        have += chunk.length;
      }
      if (have < least) return;
      const bytes = Buffer.concat(chunks.splice(0), have);
      chunks.push(bytes);
      // What has come after it, or beside it, says nothing.
      const first = readFirstBytes(bytes.subarray(0, MAX_HELLO_BYTES));
      if (first.type === 'incomplete') {
        least = first.least;
        return;
      }
      socket.removeListener('readable', look);
      if (first.type === 'outOfBounds') {
        onRefused('clientHello');
        socket.destroy();
        return;
      }
      socket.removeListener('error', onError);
      socket.unshift(bytes);
      if (enrolment !== undefined && first.type === 'hello' && first.protocols.includes(ENROL_ALPN)) {
        handshakes.leave(socket);
        enrolment(socket);
      } else {
        link(socket);
      }
    }
    socket.on('readable', look);
  };
}
