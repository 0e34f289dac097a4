/**
 * A text of somebody else as one line for a person: control characters, which a terminal would act on, and those that change the direction of
 * what is written, are spaces. As long as before, in characters.
 */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, ' ');
}
