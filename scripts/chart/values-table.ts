import { isMap, isNode, isScalar, parseDocument, type YAMLMap } from 'yaml';

const BEGIN = '<!-- values: made from values.yaml by `node scripts/manifests.ts` -->\n';
const END = '<!-- end of values -->\n';

/** The README with the table of values as values.yaml has them. @throws where it has no place for it, or a value has no comment */
export function withTable(readme: string, values: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error('the README has no place for the table of values');
  const rows = rowsOf(values).map(({ path, fallback, help }) => `| \`${path}\` | ${fallback} | ${help} |\n`);
  return `${readme.slice(0, begin + BEGIN.length)}| value | default | what it is |\n|---|---|---|\n${rows.join('')}${readme.slice(end)}`;
}

interface Row {
  readonly path: string;
  /** Markdown; nothing for a section. */
  readonly fallback: string;
  readonly help: string;
}

/** A value is what has a comment. A section is gone into when what is in it has comments; with one of its own it has a row as well. */
export function rowsOf(values: string): Row[] {
  const document = parseDocument(values);
  if (document.errors.length > 0 || !isMap(document.contents)) throw new Error(`values.yaml cannot be read: ${document.errors}`);
  return rowsIn(document.contents, '');
}

function rowsIn(section: YAMLMap, above: string): Row[] {
  return section.items.flatMap(({ key, value }, index) => {
    if (!isScalar(key)) throw new Error('a value has no name');
    const path = above === '' ? String(key.value) : `${above}.${key.value}`;
    // The comment of the first one stands at the section.
    const help = textOf(index === 0 ? (key.commentBefore ?? section.commentBefore) : key.commentBefore);
    if (help === undefined && !isSection(value)) throw new Error(`${path} has no comment in values.yaml`);
    const own =
      help === undefined ? [] : [{ path, fallback: isSection(value) ? '' : `\`${JSON.stringify(jsonOf(value))}\``, help }];
    return isSection(value) ? [...own, ...rowsIn(value, path)] : own;
  });
}

function isSection(value: unknown): value is YAMLMap {
  if (!isMap(value)) return false;
  return (
    value.commentBefore != null ||
    value.items.some((one) => (isScalar(one.key) && one.key.commentBefore != null) || isSection(one.value))
  );
}

function jsonOf(value: unknown): unknown {
  return isNode(value) ? value.toJSON() : null;
}

/** In one line; what is above an empty line is about more than this value. */
function textOf(comment: string | null | undefined): string | undefined {
  if (comment == null) return undefined;
  const lines = comment.split(/\n\s*\n/).at(-1) ?? '';
  return lines
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|');
}
