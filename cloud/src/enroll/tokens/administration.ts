import {
  HawserError,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  resourceById,
  resourcePath,
} from '@hawser/protocol';
import type { ApiClient, ApiResponse } from '../../apiserver/index.ts';
import {
  type NewToken,
  newTokenSecret,
  readTokenSecret,
  type StoredToken,
  TOKEN_NAMESPACE,
  TOKEN_TYPE,
  tokenSecretName,
} from './token-secret.ts';

/** As kubeadm makes them: what a person copies without a slip, and 82 bits that nobody guesses. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;
/** There are two billion ids: that one is taken, and the next as well, is a fault. */
const MAX_TRIES = 3;

export interface TokenAdministrationOptions {
  readonly api: Pick<ApiClient, 'request'>;
  /** From 0, unpredictable, below `below`. */
  readonly randomInt: (below: number) => number;
  /** The error of an answer that is not the one hoped for. */
  readonly refusedBy: (what: string, answer: ApiResponse) => HawserError;
}

/**
 * What is done to tokens by hand. Errors of all: HawserError `unauthorized` for a right that is missing, `unreachable`.
 */
export interface TokenAdministration {
  create(fields: Omit<NewToken, 'id' | 'secret'>): Promise<NewToken>;
  /** All bootstrap tokens of the cluster, by id; those that devices may not join with among them. */
  list(): Promise<readonly StoredToken[]>;
  /** False when there was none. */
  remove(id: string): Promise<boolean>;
}

export function createTokenAdministration({ api, randomInt, refusedBy }: TokenAdministrationOptions): TokenAdministration {
  const path = (id = '') => {
    const secrets = resourceById('secrets');
    if (secrets === undefined) throw new HawserError('unsupported', 'no Secrets in the resource table');
    return resourcePath(secrets, TOKEN_NAMESPACE, id === '' ? '' : tokenSecretName(id));
  };
  const randomText = (length: number) => Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

  return {
    async create(fields) {
      for (let tries = 1; ; tries += 1) {
        const token = { ...fields, id: randomText(ID_LENGTH), secret: randomText(SECRET_LENGTH) };
        const answer = await api.request({ method: 'POST', path: path(), body: JSON.stringify(newTokenSecret(token)) });
        if (answer.status === 201) return token;
        if (answer.status !== 409 || tries === MAX_TRIES) throw refusedBy('the token was not created', answer);
      }
    },
    async list() {
      const answer = await api.request({
        method: 'GET',
        path: `${path()}?fieldSelector=${encodeURIComponent(`type=${TOKEN_TYPE}`)}`,
      });
      if (answer.status !== 200) throw refusedBy('the tokens were not listed', answer);
      return itemsOf(answer.text)
        .map(readTokenSecret)
        .filter((token) => token !== undefined)
        .toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },
    async remove(id) {
      const answer = await api.request({ method: 'DELETE', path: path(id) });
      if (answer.status === 404) return false;
      if (answer.status !== 200) throw refusedBy(`the token ${id} was not deleted`, answer);
      return true;
    },
  };
}

function itemsOf(text: string): readonly JsonObject[] {
  try {
    const list: JsonValue = parseJson(text);
    if (isJsonObject(list) && Array.isArray(list.items)) return list.items.filter(isJsonObject);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new HawserError('unreachable', 'the tokens were not listed: the API server answered with something that is no list');
}
