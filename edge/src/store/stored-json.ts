import { HawserError, type JsonObject, parseJson } from '@hawser/protocol';

/**
 * Reads a text of the store, of a type that was checked when it was written.
 * @throws HawserError `store_damaged`, without the cause: V8's own message quotes the text, which may be a Secret's
 */
export function parseStored<T = JsonObject>(text: string): T {
  try {
    const value: T = parseJson(text);
    return value;
  } catch {
    throw new HawserError('store_damaged', 'a text in the store is not JSON any more: it is mended when it is read again');
  }
}
