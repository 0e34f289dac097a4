import { type Document, isMap, isScalar, Lexer, type ParsedNode, parseAllDocuments, visit } from 'yaml';

/**
 * Tokens of a text, values and punctuation and all that is between them. A configuration has some hundred; where each of as many is an
 * error, reading them takes some 50 ms, and what has more takes minutes on purpose.
 */
const MAX_TOKENS = 4_096;
/** Brackets and braces in each other; objects of Kubernetes have some 20 levels in all. */
const MAX_FLOW_DEPTH = 100;
/** `- - - -` on one line nests as deeply as it is long; nobody writes more than three. */
const MAX_BLOCK_INDICATORS = 32;

/** Spaces before a line, of which each may be a level; those within a text do not count. */
const MAX_INDENTATION = 200;
/** Of the library's words, in characters: they repeat what they found. */
const MAX_ERROR = 300;

/** A text that is no YAML, or one that takes more than it may to read. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  readonly why: 'syntax' | 'aliases' | 'bounds';
  /** Counted from 1; undefined where it is about all of the text. */
  readonly document: number | undefined;

  constructor(why: YamlError['why'], message: string, options: ErrorOptions & { readonly document?: number } = {}) {
    super(message, options);
    this.why = why;
    this.document = options.document;
  }
}

export interface YamlOptions {
  /** Times that `*a` may stand for what `&a` names, all in all: a few lines can name billions of values. Default 0. */
  readonly aliases?: number;
  /** Default {@link MAX_TOKENS}. */
  readonly tokens?: number;
}

/**
 * One document from outside, in time that grows with its length and not faster: the library's own check for keys that come twice, its
 * nesting, and its list of errors do not.
 * @throws YamlError
 */
export function parseYaml(text: string, options: YamlOptions = {}): unknown {
  const [value, ...others] = parseYamlDocuments(text, options);
  if (others.length > 0) throw new YamlError('syntax', 'it holds several documents');
  return value;
}

/** As {@link parseYaml}, of a text with any number of documents. */
export function parseYamlDocuments(text: string, { aliases = 0, tokens = MAX_TOKENS }: YamlOptions = {}): unknown[] {
  requireBounded(text, tokens);
  try {
    const documents = parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false, logLevel: 'silent' });
    return [...documents].map((document, index) => contentOf(document, text, aliases, index + 1));
  } catch (cause) {
    if (cause instanceof RangeError) throw new YamlError('bounds', 'it nests too deeply', { cause });
    throw cause;
  }
}

function contentOf(document: Document.Parsed<ParsedNode>, text: string, aliases: number, number: number): unknown {
  const [error] = document.errors;
  if (error !== undefined) {
    throw new YamlError('syntax', `${error.message.slice(0, MAX_ERROR)}${placeOf(text, error.pos[0])}`, {
      cause: error,
      document: number,
    });
  }
  requireUniqueKeys(document, text, number);
  try {
    return document.toJS({ maxAliasCount: aliases });
  } catch (cause) {
    if (cause instanceof ReferenceError) throw new YamlError('aliases', cause.message, { cause, document: number });
    if (cause instanceof TypeError || cause instanceof SyntaxError)
      throw new YamlError('syntax', cause.message.slice(0, MAX_ERROR), { cause, document: number });
    throw cause;
  }
}

function requireUniqueKeys(document: Document.Parsed<ParsedNode>, text: string, number: number): void {
  visit(document, {
    Map(_key, map) {
      if (!isMap(map)) return;
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (keys.has(key.value))
          throw new YamlError('syntax', `Map keys must be unique${placeOf(text, key.range?.[0] ?? 0)}`, { document: number });
        keys.add(key.value);
      }
    },
  });
}

function requireBounded(text: string, most: number): void {
  let tokens = 0;
  let flowDepth = 0;
  let indicators = 0;
  let isLineStart = true;
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > most) throw new YamlError('bounds', `it has more than the ${most} tokens that are read`);
    switch (token) {
      case '[':
      case '{':
        flowDepth += 1;
        if (flowDepth > MAX_FLOW_DEPTH) throw new YamlError('bounds', `it nests deeper than ${MAX_FLOW_DEPTH} levels`);
        break;
      case ']':
      case '}':
        // Each of them would be an error of its own, and each costs the more, the more there are.
        if (flowDepth === 0) throw new YamlError('syntax', `${token} closes nothing`);
        flowDepth -= 1;
        break;
      case '\n':
      case '\r\n':
        indicators = 0;
        isLineStart = true;
        continue;
      case '-':
      case '?':
      case ':':
        indicators += flowDepth === 0 ? 1 : 0;
        if (indicators > MAX_BLOCK_INDICATORS)
          throw new YamlError('bounds', `a line of it nests deeper than ${MAX_BLOCK_INDICATORS} levels`);
        break;
      default:
        if (isLineStart && token.length > MAX_INDENTATION && token.trim() === '') {
          throw new YamlError('bounds', `a line of it is indented by more than ${MAX_INDENTATION}`);
        }
    }
    isLineStart = false;
  }
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return ` at line ${line}, column ${offset - before.lastIndexOf('\n')}`;
}
