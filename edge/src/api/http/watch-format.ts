import type { KubeObject } from '@hawser/protocol';
import { type Negotiated, PROTOBUF_TYPE } from './negotiate.ts';

/** How the events of a watch are written. */
export interface WatchFormat {
  readonly contentType: string;
  /** What goes over the wire for one event, in parts. Both arguments as they are to be shown. */
  event(type: string, object: KubeObject): readonly (string | Uint8Array)[];
  /** The same of an object that is there as JSON and is to be shown as it is; undefined in a format of another kind. */
  readonly text?: (type: string, json: string) => string;
}

/**
 * What all watches of a server share: the same object goes out to many of them in a row, so its JSON is made once, and its bytes.
 */
export class EventBodies {
  #json: { readonly object: KubeObject; readonly text: string } | undefined;
  #protobuf: { readonly object: KubeObject; readonly bytes: Buffer } | undefined;

  json(object: KubeObject): string {
    if (this.#json?.object !== object) this.#json = { object, text: JSON.stringify(object) };
    return this.#json.text;
  }

  protobuf(object: KubeObject, encode: (object: KubeObject) => Buffer): Buffer {
    if (this.#protobuf?.object !== object) this.#protobuf = { object, bytes: encode(object) };
    return this.#protobuf.bytes;
  }
}

function line(type: string, json: string): string {
  return `{"type":"${type}","object":${json}}\n`;
}

/** A line of JSON for each event, or a frame with its length before it. */
export async function watchFormat({ encoding }: Pick<Negotiated, 'encoding'>, bodies: EventBodies): Promise<WatchFormat> {
  if (encoding !== 'protobuf') {
    return {
      contentType: 'application/json',
      event: (type, object) => [line(type, bodies.json(object))],
      text: line,
    };
  }
  const { encodeObject, watchFrame } = await import('../protobuf/index.ts');
  const encode = (object: KubeObject): Buffer => {
    const encoded = encodeObject(object);
    if (encoded === undefined) throw new Error(`a watch in Protocol Buffers of ${object.kind}, which has no messages`);
    // Of a field that the table lacks a stream can say nothing: its form was settled by its headers.
    return encoded.bytes;
  };
  return {
    contentType: `${PROTOBUF_TYPE};stream=watch`,
    event: (type, object) => watchFrame(type, bodies.protobuf(object, encode)),
  };
}
