import type { ApiResource, KubeObject } from '@hawser/protocol';
import { badRequest, quote } from '../status.ts';
import { type FieldReader, fieldReaders, hasOnlyCommonFields } from './fields.ts';
import { MAX_SELECTOR_LENGTH } from './label.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly read: FieldReader;
  readonly equal: boolean;
  readonly value: string;
}

/** All requirements must hold; none means everything. */
export type FieldSelector = readonly FieldRequirement[];

/**
 * Parses `a=b,c==d,e!=f` for the fields that the resource supports; backslash escapes `\`, `,` and `=`.
 * @throws ApiError 400 for a syntax error or a field that the resource does not support
 */
export function parseFieldSelector(text: string, resource: ApiResource): FieldSelector {
  if (text.length > MAX_SELECTOR_LENGTH) throw badRequest(`a field selector may have at most ${MAX_SELECTOR_LENGTH} characters`);
  const readers = fieldReaders(resource);
  return splitTerms(text).flatMap((term) => {
    const found = /^(?<field>(?:\\.|[^\\!=])*)(?<operator>!=|==|=)(?<value>.*)$/s.exec(term)?.groups;
    if (found === undefined) {
      if (term === '') return [];
      throw badRequest(`invalid selector: '${text.slice(0, 200)}'; can't understand '${term.slice(0, 200)}'`);
    }
    const { field = '', operator, value = '' } = found;
    // `==` alone, with nothing on either side, selects everything.
    if (field === '' && value === '') return [];
    const read = Object.hasOwn(readers, field) ? readers[field] : undefined;
    if (read === undefined) throw unsupported(field, resource);
    return [{ field, read, equal: operator !== '!=', value: unescaped(value, text) }];
  });
}

export function matchesFields(selector: FieldSelector, object: KubeObject): boolean {
  return selector.every((requirement) => (requirement.read(object) === requirement.value) === requirement.equal);
}

/** The value that the selector demands of that field by equality, if it does. */
export function requiredValue(selector: FieldSelector, field: string): string | undefined {
  return selector.find((requirement) => requirement.field === field && requirement.equal)?.value;
}

function unsupported(field: string, resource: ApiResource): Error {
  return badRequest(
    hasOnlyCommonFields(resource)
      ? `${quote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
      : `field label not supported: ${field}`,
  );
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === ',') {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescaped(value: string, whole: string): string {
  return value.replace(/\\(.?)|[=]/gs, (found, character: string | undefined) => {
    if (character === '\\' || character === ',' || character === '=') return character;
    throw badRequest(
      `invalid field selector: invalid escape sequence or unescaped character ${quote(found)} in ${quote(whole.slice(0, 200))}`,
    );
  });
}
