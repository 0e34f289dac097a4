import type { JsonValue } from './kubernetes/object.ts';

/**
 * JSON.parse for texts from outside, of which a Secret may be one: V8's own error quotes the text at the place where it stops, and an
 * error's message goes to logs, over the link and into Events.
 * @throws SyntaxError that says how long the text is and nothing of what is in it
 */
export function parseJson<T = JsonValue>(text: string): T {
  try {
    const value: T = JSON.parse(text);
    return value;
  } catch {
    throw new SyntaxError(`not JSON (${text.length} characters)`);
  }
}
