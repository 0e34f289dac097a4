import { constants } from 'node:crypto';
import type { SecureContextOptions, Server } from 'node:tls';
import type { Serving, ServingMaterial } from '../types.ts';

/**
 * Whether the authorities themselves are sent as well: a device that joins knows one by the hash of its key alone, and looks for it
 * in what it is shown; all others have theirs, and roots are some 450 bytes each.
 */
type Roots = 'withRoots' | 'withoutRoots';

/**
 * Has a TLS server listen with what there is to serve with, and with what comes in its place later: connections that are open stay
 * as they are. Before there is anything the server has no certificate, and no handshake with it succeeds.
 * @returns the end of it
 */
export function keepServing(
  server: Server,
  serving: Serving,
  keyExchange: 'hybrid' | 'x25519',
  roots: Roots = 'withoutRoots',
): () => void {
  const take = () => {
    const material = serving.current();
    if (material !== undefined) server.setSecureContext(secureContext(material, keyExchange, roots));
  };
  take();
  return serving.onChange(take);
}

/** All of it each time: what is left out goes back to Node's default. */
function secureContext(
  { cert, key, clientCa }: ServingMaterial,
  keyExchange: 'hybrid' | 'x25519',
  roots: Roots,
): SecureContextOptions {
  return {
    cert: roots === 'withRoots' ? `${cert.trimEnd()}\n${clientCa}` : cert,
    key,
    ca: clientCa,
    minVersion: 'TLSv1.3',
    // Tickets by state instead of tickets with state: these are small, and nobody can resume since no state is kept.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(keyExchange === 'x25519' ? { ecdhCurve: 'X25519' } : {}),
  };
}
