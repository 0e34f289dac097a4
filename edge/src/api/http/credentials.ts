import { TLSSocket } from 'node:tls';
import type { Credentials } from '../policy.ts';
import { unauthorized } from '../status.ts';
import { type ApiRequest, headerValues } from './exchange.ts';

/**
 * Who the request says it is from. A certificate that does not verify is no refusal yet where a token is given too.
 * @throws ApiError 401 for a certificate that does not verify and nothing else
 */
export function credentialsOf(request: ApiRequest): Credentials {
  const bearerToken = /^bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1];
  const certificate = certificateOf(request, bearerToken !== undefined);
  return {
    bearerToken,
    certificate,
    impersonate: {
      user: headerValues(request, 'impersonate-user')[0],
      groups: headerValues(request, 'impersonate-group'),
      uid: headerValues(request, 'impersonate-uid')[0],
    },
    remoteAddress: request.socket.remoteAddress ?? '',
  };
}

function certificateOf(request: ApiRequest, hasToken: boolean): Credentials['certificate'] {
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return undefined;
  const { subject } = socket.getPeerCertificate();
  if (subject === undefined) return undefined;
  if (!socket.authorized) {
    if (hasToken) return undefined;
    throw unauthorized();
  }
  return { commonName: asList(subject.CN)[0] ?? '', organizations: asList(subject.O) };
}

/** A field of a subject that occurs more than once comes as a list. */
function asList(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
