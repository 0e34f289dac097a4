import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ApiResponse } from './exchange.ts';

/**
 * Answers of so many bytes and more are compressed for who asks for it, and never a watch: as kube-apiserver does it, and at its level. Smaller ones
 * are here sooner than they are compressed. A client beside the agent that wants its lists sooner than small asks for none, as `kubectl
 * --disable-compression` does; one at the other end of a tunnel gains.
 */
export const GZIP_FROM_BYTES = 128 * 1024;
/** The fastest: lists repeat themselves so much that the others gain little for their time. */
const LEVEL = 1;

const compress = promisify(gzip);

/**
 * What goes out for these parts, in place of them; headers say what it is. The work is done in a thread of libuv's pool: requests beside it go on.
 */
export async function encoded(response: ApiResponse, parts: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  if (lengthOf(parts) < GZIP_FROM_BYTES) return parts;
  const varies = response.getHeader('vary');
  response.setHeader('vary', varies === undefined ? 'Accept-Encoding' : `${varies}, Accept-Encoding`);
  if (!takesGzip(response.req.headers['accept-encoding'])) return parts;
  const small = await compress(Buffer.concat(parts), { level: LEVEL });
  response.setHeader('content-encoding', 'gzip');
  return [small];
}

export function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((length, part) => length + part.length, 0);
}

/** Whether an Accept-Encoding names gzip, or everything, and not as what is not wanted (RFC 9110, section 12.5.3). */
export function takesGzip(accepted: string | string[] | undefined): boolean {
  const weights = new Map(
    String(accepted ?? '')
      .toLowerCase()
      .split(',')
      .map((part): [string, number] => {
        const [coding = '', ...parameters] = part.split(';').map((piece) => piece.trim());
        const weight = parameters.find((parameter) => parameter.startsWith('q='));
        return [coding, weight === undefined ? 1 : Number(weight.slice(2))];
      }),
  );
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0;
}
