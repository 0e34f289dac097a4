/**
 * A body as YAML that every reader understands alike. Clients of Kubernetes read YAML 1.1, in which `yes`, `0b1`, `1_000`, `12:30` and
 * `2001-01-01` are no texts, and neither is a key `on`; others read 1.2, in which `0o7` is none. All that is a text and looks otherwise is quoted.
 */
export async function toYaml(body: object): Promise<string> {
  // Loaded when first needed: few ask for it.
  const { Document, Scalar, visit } = await import('yaml');
  const document = new Document(body, { sortMapEntries: true, aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && isToBeQuoted(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return document.toString({ lineWidth: 0 }).replaceAll(UNPRINTABLE_OR_BREAK, escaped);
}

/** Booleans, null, merge and default keys of YAML 1.1, all that begins as a number, and the numbers that have names. */
const AMBIGUOUS = /^(?:y|n|yes|no|on|off|true|false|null|~|=|<<|[-+.]?[0-9][0-9a-z_.:+-]*|[-+]?\.?(?:inf|nan))$/i;
/** A date with a time may have blanks. */
const DATE = /^\d{4}-\d\d?-\d\d?\s/;
/** Of 1.1: line breaks, which are folded where they stand as they are, and what may not stand there (YAML 1.1, sections 4.1 and 4.2). */
const UNPRINTABLE_OR_BREAK = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

function isToBeQuoted(text: string): boolean {
  return AMBIGUOUS.test(text) || DATE.test(text) || text.search(UNPRINTABLE_OR_BREAK) >= 0;
}

/** As it stands between double quotes. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
