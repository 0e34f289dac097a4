import { type ApiResource, HawserError, isJsonObject, isResourceVersion } from '@hawser/protocol';
import { requireObject } from './answer.ts';
import { ListSplitter } from './json/list-splitter.ts';
import { type Observation, observe, type WantsText } from './observe.ts';

/**
 * The largest item and watch event. The API server takes objects of 3 MiB at most; in JSON with all escapes and managed fields
 * they can be some times larger. One over the bound fails the list or watch and is named in the reflector's status.
 */
export const MAX_ITEM_BYTES = 16 * 1024 * 1024;

/** Of a kind that is another, in characters. */
const MAX_SHOWN = 100;

export interface ListPage {
  /** The same on each page of a list. */
  readonly resourceVersion: string;
  /** For the next page; undefined on the last. */
  readonly continueToken: string | undefined;
}

/** Reads one page as it comes: chunks in, observations out, and at its end what it says of itself. */
export interface ListPageReader {
  /** @throws HawserError `malformed_object`, `too_large` */
  push(chunk: Uint8Array): void;
  /** @throws HawserError `malformed_object` when the page is not whole or no list of this resource */
  end(): ListPage;
}

export function readListPage(
  resource: ApiResource,
  wantsText: WantsText,
  onItem: (observation: Observation) => void,
): ListPageReader {
  const splitter = new ListSplitter(MAX_ITEM_BYTES);
  return {
    push: (chunk) => splitter.push(chunk, (item) => onItem(observe(resource, item, { from: 0, to: item.length }, wantsText))),
    end() {
      const { kind, metadata, items } = requireObject(splitter.end(), 'the list');
      if (kind !== `${resource.kind}List`) {
        // Of anything but a text only its type: what nests deeply cannot even be written.
        const shown = typeof kind === 'string' ? JSON.stringify(kind.slice(0, MAX_SHOWN)) : `of type ${typeof kind}`;
        throw new HawserError('malformed_object', `the answer is no ${resource.kind}List: its kind is ${shown}`);
      }
      // A Go server may write null for an empty slice; without the field it is no list.
      if (items !== null && !Array.isArray(items)) throw new HawserError('malformed_object', 'the list has no items');
      const { resourceVersion, continue: token } = isJsonObject(metadata) ? metadata : {};
      if (!isResourceVersion(resourceVersion))
        throw new HawserError('malformed_object', 'the list has no decimal resourceVersion');
      return { resourceVersion, continueToken: typeof token === 'string' && token !== '' ? token : undefined };
    },
  };
}
