import type { X509Certificate } from 'node:crypto';
import { authoritiesDigest, HawserError } from '@hawser/protocol';
import type { ApiClient, ApiResponse } from '../../apiserver/index.ts';
import type { Clock } from '../../clock.ts';
import { type Authority, requireRoom, retired, rotated, trustedBy } from './authority.ts';
import { BACKDATE_MS, makeAuthority, makeCross } from './certificates.ts';
import { AUTHORITY_NAME } from './names.ts';
import { type Published, readPublished } from './published.ts';
import { authorityUpdate, readAuthoritySecret } from './secret.ts';

export interface CaAdministrationOptions {
  readonly api: Pick<ApiClient, 'request'>;
  readonly namespace: string;
  readonly clock: Clock;
  /** The error of an answer that is not the one hoped for. */
  readonly refusedBy: (what: string, answer: ApiResponse) => HawserError;
}

/** What an administrator sees of the authorities. */
export interface CaReport {
  /** `operator`: there is no Secret, and a relay has published its issuer. */
  readonly source: 'secret' | 'operator' | 'none';
  readonly current: X509Certificate | undefined;
  /** When the current one of the Secret was made. */
  readonly madeAt: Date | undefined;
  readonly older: readonly X509Certificate[];
  /** A relay has told the cluster just these. */
  readonly published: boolean;
  readonly relays: readonly string[];
}

/**
 * What is done to the authority by hand; the relays follow what is written. Errors of all: HawserError `unauthorized` for a right that is
 * missing, `unreachable`, `malformed_object` for a Secret or ConfigMap that somebody has damaged, `unsupported` where there is nothing to work on.
 */
export interface CaAdministration {
  status(): Promise<CaReport>;
  published(): Promise<Published>;
  /** The new authority. */
  rotate(): Promise<Authority>;
  /** What is no longer trusted. */
  retire(): Promise<readonly X509Certificate[]>;
}

export function createCaAdministration({ api, namespace, clock, refusedBy }: CaAdministrationOptions): CaAdministration {
  const object = `${namespace}/${AUTHORITY_NAME}`;
  const pathOf = (resource: 'secrets' | 'configmaps') => `/api/v1/namespaces/${namespace}/${resource}/${AUTHORITY_NAME}`;

  /** Undefined when there is none. */
  async function read(resource: 'secrets' | 'configmaps', what: string): Promise<string | undefined> {
    const answer = await api.request({ method: 'GET', path: pathOf(resource) });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw refusedBy(`the ${what} ${object} was not read`, answer);
    return answer.text;
  }

  function authorityIn(text: string): Authority {
    try {
      return readAuthoritySecret(text).authority;
    } catch (error) {
      if (!(error instanceof HawserError)) throw error;
      throw new HawserError(error.code, `the Secret ${object} holds no authority: ${error.message}`, { cause: error });
    }
  }

  async function findPublished(): Promise<Published | undefined> {
    const text = await read('configmaps', 'ConfigMap');
    return text === undefined ? undefined : readPublished(text);
  }

  /** One conditional update: of two administrators one succeeds. */
  async function change<T>(
    next: (before: Authority) => Promise<{ readonly authority: Authority | undefined; readonly result: T }>,
  ): Promise<T> {
    const text = await read('secrets', 'Secret');
    if (text === undefined) {
      const why =
        'no relay has made one, they work in another namespace (-n), or they have an issuer by files, which is changed by changing the files';
      throw new HawserError('unsupported', `there is no authority in the Secret ${object}: ${why}`);
    }
    const { authority, result } = await next(authorityIn(text));
    if (authority === undefined) return result;
    const answer = await api.request({ method: 'PUT', path: pathOf('secrets'), body: authorityUpdate(text, authority) });
    if (answer.status === 409) {
      throw new HawserError(
        'unreachable',
        `nothing was done: somebody else has changed the Secret ${object} just now; look at it and try again`,
      );
    }
    if (answer.status !== 200) throw refusedBy(`the Secret ${object} was not written`, answer);
    return result;
  }

  return {
    async status() {
      const [text, published] = await Promise.all([read('secrets', 'Secret'), findPublished()]);
      const relays = published?.relays ?? [];
      if (text === undefined) {
        const [current, ...older] = published?.certificates ?? [];
        return {
          source: current === undefined ? 'none' : 'operator',
          current,
          madeAt: undefined,
          older,
          published: current !== undefined,
          relays,
        };
      }
      const authority = authorityIn(text);
      const isPublished = authoritiesDigest(published?.certificates ?? []) === authoritiesDigest(trustedBy(authority));
      const { certificate: current, older } = authority;
      const madeAt = new Date(current.validFromDate.getTime() + BACKDATE_MS);
      return { source: 'secret', current, madeAt, older, published: isPublished, relays };
    },
    async published() {
      const found = await findPublished();
      if (found !== undefined) return found;
      throw new HawserError(
        'unsupported',
        `there is no ConfigMap ${object}: it is written when a relay starts that can sign certificates. ` +
          'If relays run in another namespace, name it with -n',
      );
    },
    rotate: () =>
      change(async (before) => {
        requireRoom(before);
        const next = await makeAuthority(clock.now());
        const authority = rotated(before, next, await makeCross(before, next.certificate, clock.now()));
        return { authority, result: authority };
      }),
    retire: () =>
      change(async (before) => ({ authority: before.older.length === 0 ? undefined : retired(before), result: before.older })),
  };
}
