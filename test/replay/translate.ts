import { isDeepStrictEqual } from 'node:util';
import { type Fields, fieldsOf, isFields, textOf } from '../apiserver/policy/fields.ts';
import { contentOf, type Exchange } from './recording.ts';

/** Revisions in requests up to this one stand for "long ago", and those above the other for "far in the future". */
const SMALLEST_REAL_REVISION = 10;
const LARGEST_REAL_REVISION = 10_000_000;

/**
 * Learns from each pair of answers what the live server calls the things that the recording names, and puts it into later
 * requests: uids, revisions, continue tokens, generated names, ServiceAccount tokens.
 */
export class Translation {
  readonly #names = new Map<string, string>();
  readonly #revisions = new Map<string, string>();
  /** Claim jti of a recorded token → live token. */
  readonly #tokens = new Map<string, string>();
  /** How far the live revisions are from the recorded ones by now. */
  #drift = 0;

  learn(exchange: Exchange, live: { body?: unknown; events?: readonly unknown[] }): void {
    this.#learnPair(contentOf(exchange.response.body), live.body);
    (exchange.response.events ?? []).forEach((event, index) => {
      this.#learnPair(event.line, live.events?.[index]);
    });
    const jti = exchange.response.tokenClaims?.[0]?.payload.jti;
    const token = textOf(fieldsOf(fieldsOf(live.body).status).token);
    if (jti !== undefined && token !== '') this.#tokens.set(jti, token);
  }

  path(recorded: string): string {
    const [path = '', query] = recorded.split('?', 2);
    const names = this.#replaceNames(path);
    if (query === undefined) return names;
    const terms = query.split('&').map((term) => {
      const [key = '', value = ''] = term.split('=', 2);
      if (key === 'resourceVersion') return `${key}=${this.#revision(value)}`;
      return this.#names.has(value) ? `${key}=${this.#names.get(value)}` : this.#replaceNames(term);
    });
    return `${names}?${terms.join('&')}`;
  }

  body(exchange: Exchange): unknown {
    const { body, tokenClaims } = exchange.request;
    const token = this.#tokens.get(tokenClaims?.[0]?.payload.jti ?? '');
    if (isFields(body) && body.decoded !== undefined) return this.#protobuf(body, body.decoded);
    const translated = this.#value(body, '');
    if (token === undefined || !isFields(translated)) return translated;
    return { ...translated, spec: { ...fieldsOf(translated.spec), token } };
  }

  /** The live token that was issued last and for the audience of the API server. */
  lastToken(isForApiServer: (token: string) => boolean): string | undefined {
    return [...this.#tokens.values()].filter(isForApiServer).at(-1);
  }

  #learnPair(recorded: unknown, live: unknown): void {
    if (Array.isArray(recorded) && Array.isArray(live)) {
      recorded.forEach((item, index) => {
        const name = fieldsOf(fieldsOf(item).metadata).name;
        const byName = name === undefined ? undefined : live.find((other) => fieldsOf(fieldsOf(other).metadata).name === name);
        this.#learnPair(item, byName ?? live[index]);
      });
      return;
    }
    if (!isFields(recorded) || !isFields(live)) return;
    for (const [key, value] of Object.entries(recorded)) {
      const other = live[key];
      if (typeof value !== 'string' || typeof other !== 'string') this.#learnPair(value, other);
      else if (key === 'resourceVersion') this.#learnRevision(value, other);
      else if (key === 'uid' || key === 'continue') this.#names.set(value, other);
      else if (key === 'name' && (recorded.generateName !== undefined || value.startsWith('kube-api-access-'))) {
        this.#names.set(value, other);
      }
    }
  }

  #learnRevision(recorded: string, live: string): void {
    if (this.#revisions.has(recorded) || recorded === '' || recorded === '0') return;
    this.#revisions.set(recorded, live);
    this.#drift = Number(live) - Number(recorded);
  }

  #revision(recorded: string): string {
    const known = this.#revisions.get(recorded);
    if (known !== undefined) return known;
    const number = Number(recorded);
    if (!Number.isInteger(number) || number < SMALLEST_REAL_REVISION || number > LARGEST_REAL_REVISION) return recorded;
    return String(number + this.#drift);
  }

  /** The bytes as they were sent where nothing in them has another name here; else the same object, to be written anew. */
  #protobuf(body: Fields, decoded: unknown): unknown {
    const translated = this.#value(decoded, '');
    return isDeepStrictEqual(translated, decoded) ? { base64: body.base64 } : { decoded: translated };
  }

  #value(value: unknown, key: string): unknown {
    if (typeof value === 'string') return key === 'resourceVersion' ? this.#revision(value) : this.#replaceNames(value);
    if (Array.isArray(value)) return value.map((item) => this.#value(item, key));
    if (!isFields(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, this.#value(item, name)]));
  }

  #replaceNames(text: string): string {
    const whole = this.#names.get(text);
    if (whole !== undefined) return whole;
    let replaced = text;
    for (const [recorded, live] of this.#names) if (replaced.includes(recorded)) replaced = replaced.replaceAll(recorded, live);
    return replaced;
  }
}
