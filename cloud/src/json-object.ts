import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '@hawser/protocol';

/** The object that a text holds; one without members for a text that is no JSON, such as a proxy's page, or no object: it says nothing. */
export function jsonObjectIn(text: string): JsonObject {
  try {
    const value: JsonValue = parseJson(text);
    return isJsonObject(value) ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
