import { badRequest, quote } from '../status.ts';

/** Longest label or field selector, in characters. Longer ones are refused (400) before they are parsed. */
export const MAX_SELECTOR_LENGTH = 16_384;

export type LabelRequirement =
  | { readonly operator: 'exists' | 'notExists'; readonly key: string }
  | { readonly operator: 'in' | 'notIn'; readonly key: string; readonly values: ReadonlySet<string> }
  | { readonly operator: 'greater' | 'less'; readonly key: string; readonly bound: number };

/** All requirements must hold; none means everything. */
export type LabelSelector = readonly LabelRequirement[];

/**
 * Parses the query form of a label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>3,m<4`.
 * @throws ApiError 400 with the wording of the API server
 */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.length > MAX_SELECTOR_LENGTH) throw badRequest(`a label selector may have at most ${MAX_SELECTOR_LENGTH} characters`);
  const tokens = new Tokens(text);
  const requirements: LabelRequirement[] = [];
  while (tokens.peek().type !== 'end') {
    requirements.push(parseRequirement(tokens));
    const next = tokens.take();
    if (next.type === 'end') break;
    if (next.text !== ',') throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
    const after = tokens.peek();
    if (after.type !== 'word' && after.text !== '!') {
      throw badRequest(`found '${after.text}', expected: identifier after ','`);
    }
  }
  return requirements;
}

export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>> | undefined): boolean {
  return selector.every((requirement) => matchesRequirement(requirement, labels));
}

function matchesRequirement(requirement: LabelRequirement, labels: Readonly<Record<string, string>> | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'exists':
      return value !== undefined;
    case 'notExists':
      return value === undefined;
    case 'in':
      return value !== undefined && requirement.values.has(value);
    // Objects without the key match too.
    case 'notIn':
      return value === undefined || !requirement.values.has(value);
    case 'greater':
      return value !== undefined && /^-?[0-9]+$/.test(value) && Number(value) > requirement.bound;
    case 'less':
      return value !== undefined && /^-?[0-9]+$/.test(value) && Number(value) < requirement.bound;
  }
}

const OPERATORS = 'in, notin, =, ==, !=, gt, lt';

function parseRequirement(tokens: Tokens): LabelRequirement {
  if (tokens.peek().text === '!') {
    tokens.take();
    return { operator: 'notExists', key: parseKey(tokens) };
  }
  const key = parseKey(tokens);
  const next = tokens.peek();
  if (next.type === 'end' || next.text === ',') return { operator: 'exists', key };
  tokens.take();
  switch (next.text) {
    case '=':
    case '==':
      return { operator: 'in', key, values: new Set([parseValue(tokens)]) };
    case '!=':
      return { operator: 'notIn', key, values: new Set([parseValue(tokens)]) };
    case 'in':
      return { operator: 'in', key, values: parseValues(tokens) };
    case 'notin':
      return { operator: 'notIn', key, values: parseValues(tokens) };
    case '>':
      return { operator: 'greater', key, bound: parseBound(tokens) };
    case '<':
      return { operator: 'less', key, bound: parseBound(tokens) };
    default:
      throw refused(`found '${next.text}', expected: ${OPERATORS}`);
  }
}

function refused(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`);
}

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

function parseKey(tokens: Tokens): string {
  const token = tokens.take();
  if (token.type !== 'word') throw refused(`found '${token.text}', expected: identifier`);
  const slash = token.text.indexOf('/');
  const name = token.text.slice(slash + 1);
  if ((slash >= 0 && (!PREFIX.test(token.text.slice(0, slash)) || slash > 253)) || !NAME.test(name) || name.length > 63) {
    throw refused(
      `<nil>: Invalid value: ${quote(token.text)}: name part must consist of alphanumeric characters, '-', '_' or '.', ` +
        `and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', ` +
        `regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    );
  }
  return token.text;
}

function parseValue(tokens: Tokens): string {
  const next = tokens.peek();
  // An empty value: `tier=` matches a label that is there and empty.
  if (next.type === 'end' || next.text === ',') return '';
  tokens.take();
  if (next.type !== 'word') throw refused(`found '${next.text}', expected: identifier`);
  return checkedValue(next.text);
}

function parseBound(tokens: Tokens): number {
  const text = parseValue(tokens);
  if (!/^-?[0-9]{1,18}$/.test(text)) throw refused(`for 'Gt', 'Lt' operators, the value must be an integer`);
  return Number(text);
}

function parseValues(tokens: Tokens): Set<string> {
  const open = tokens.take();
  if (open.text !== '(') throw refused(`found '${open.text}' expected: '('`);
  const values = new Set<string>();
  for (let expectsValue = true; ; ) {
    const token = tokens.take();
    if (token.text === ')' && token.type === 'symbol') {
      if (expectsValue) values.add('');
      return values;
    }
    if (token.type === 'word') {
      if (!expectsValue) throw refused(`found '${token.text}', expected: ',' or ')'`);
      values.add(checkedValue(token.text));
      expectsValue = false;
    } else if (token.text === ',') {
      if (expectsValue) values.add('');
      expectsValue = true;
    } else {
      throw refused(`found '${token.text}', expected: ',', ')' or identifier`);
    }
  }
}

function checkedValue(value: string): string {
  if (VALUE.test(value) && value.length <= 63) return value;
  throw refused(
    `values[0][${value.slice(0, 100)}]: Invalid value: ${quote(value.slice(0, 100))}: a valid label must be an empty string or consist of ` +
      `alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  ` +
      `or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
  );
}

type Token = { readonly type: 'word' | 'symbol' | 'end'; readonly text: string };

/** Symbols are `( ) , ! = == != > <`; everything else between spaces and symbols is a word. */
class Tokens {
  readonly #found: readonly Token[];
  #position = 0;

  constructor(text: string) {
    this.#found = (text.match(/==|!=|[=!,()<>]|[^\s=!,()<>]+/g) ?? []).map((found) => ({
      type: /^[=!,()<>]/.test(found) ? 'symbol' : 'word',
      text: found,
    }));
  }

  peek(): Token {
    return this.#found[this.#position] ?? { type: 'end', text: '' };
  }

  take(): Token {
    const token = this.peek();
    this.#position++;
    return token;
  }
}
