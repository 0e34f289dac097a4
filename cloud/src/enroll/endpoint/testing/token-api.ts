import { isJsonObject, type JsonObject } from '@hawser/protocol';
import type { NodeApi } from '../../../upstream/index.ts';

type Request = Parameters<NodeApi['request']>[0];

/** Secrets of an API server that answers as the real one does: 404 for what is not there, 409 for another resourceVersion. */
export class TokenApi implements NodeApi {
  readonly secrets = new Map<string, JsonObject>();
  readonly requests: Request[] = [];
  /** Called before each answer; what it returns is answered in place of the Secret. */
  before: (request: Request) => { status: number; body: JsonObject } | undefined = () => undefined;
  #version = 0;

  /** As `kubectl create`: texts become base64. */
  create(secret: JsonObject): void {
    const { metadata, stringData, ...rest } = secret;
    const data = Object.entries(isJsonObject(stringData) ? stringData : {}).map(([key, text]) => [
      key,
      Buffer.from(String(text)).toString('base64'),
    ]);
    this.#put({ ...rest, metadata: isJsonObject(metadata) ? metadata : {}, data: Object.fromEntries(data) });
  }

  annotations(name: string): JsonObject {
    const metadata = this.secrets.get(name)?.metadata;
    return isJsonObject(metadata) && isJsonObject(metadata.annotations) ? metadata.annotations : {};
  }

  async request(request: Request) {
    this.requests.push(request);
    const own = this.before(request);
    if (own !== undefined) return answer(own.status, own.body);
    const name = request.path.slice(request.path.lastIndexOf('/') + 1);
    const there = this.secrets.get(name);
    if (there === undefined) return failure(404, 'NotFound');
    if (request.method === 'GET') return answer(200, there);
    const patch: JsonObject = JSON.parse(request.body ?? '{}');
    const [old, changes] = [metadataOf(there), metadataOf(patch)];
    if (changes.resourceVersion !== undefined && changes.resourceVersion !== old.resourceVersion) return failure(409, 'Conflict');
    const annotations = { ...this.annotations(name), ...(isJsonObject(changes.annotations) ? changes.annotations : {}) };
    return answer(200, this.#put({ ...there, metadata: { ...old, annotations } }));
  }

  #put(secret: JsonObject): JsonObject {
    this.#version += 1;
    const metadata = { uid: 'u', ...metadataOf(secret), resourceVersion: `${this.#version}` };
    const stored = { ...secret, metadata };
    this.secrets.set(String(metadataOf(stored).name), stored);
    return stored;
  }
}

export function failure(code: number, reason: string) {
  return answer(code, { kind: 'Status', status: 'Failure', code, reason, message: `for the test: ${reason}` });
}

function answer(status: number, body: JsonObject) {
  return { status, headers: {}, text: JSON.stringify(body) };
}

function metadataOf({ metadata }: JsonObject): JsonObject {
  return isJsonObject(metadata) ? metadata : {};
}
