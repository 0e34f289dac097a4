import { isJsonObject, type JsonObject, type JsonValue } from '@hawser/protocol';

/**
 * Fields that came in Protocol Buffers and that the table has no names for are kept with their message, as the bytes that came (tags
 * and all, in base64) under this name, or for a message whose fields stand in its parent under this name, a dot and the field that holds
 * it. No field of Kubernetes and no key of labels, annotations or data has parentheses in its name, so clients of JSON ignore it; a client of
 * Protocol Buffers gets the bytes back. It stays on the device: what is reported to the cloud goes without.
 */
export const UNKNOWN_FIELDS = '(protobuf)';

export function unknownFieldsOf(inlineIn: string): string {
  return inlineIn === '' ? UNKNOWN_FIELDS : `${UNKNOWN_FIELDS}.${inlineIn}`;
}

/** Whether a member of an object is such a one. */
export function isUnknownFields(member: string): boolean {
  return member.startsWith(UNKNOWN_FIELDS);
}

/** The same without them, wherever they stand. */
export function withoutUnknownFields(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object)
      .filter(([member]) => !isUnknownFields(member))
      .map(([member, value]) => [member, withoutThem(value)]),
  );
}

function withoutThem(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutThem);
  return isJsonObject(value) ? withoutUnknownFields(value) : value;
}
