import * as v from 'valibot';
import { LOG_LEVELS } from './log-level.ts';
import { isTree } from './tree.ts';

/** Pieces of schemas. Their messages end a line that begins with the path: "link.port: must be a whole number from 0 to 65535". */

export function whole(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

export function oneOf<const Names extends readonly string[]>(names: Names) {
  return v.picklist(names, `must be one of ${names.join(', ')}`);
}

/** @param what "the path of a file" */
export function filled(what: string) {
  return v.pipe(v.string(`must be ${what}`), v.nonEmpty(`must be ${what}, and is empty`));
}

export const flag = v.boolean('must be true or false');
export const file = filled('the path of a file');
/** 0 takes a free one. */
export const port = whole(0, 65_535);
export const logLevel = oneOf(LOG_LEVELS);

/**
 * Makes the sections of one process' schema: a section says "is missing" for what has no default, and "is not a setting of the
 * relay" for what nobody knows.
 * @param owner "the relay"
 */
export function sectionsOf(owner: string) {
  return <const Entries extends v.ObjectEntries>(entries: Entries) =>
    v.pipe(
      // valibot's objects take a list too, and would complain about each of its items.
      v.custom<object>(isTree, 'must be a section with settings below it'),
      v.strictObject(entries, (issue) => (issue.expected === 'never' ? `is not a setting of ${owner}` : 'is missing')),
    );
}

/** A section whose settings belong together: without all of them, or none, each that is missing is named. */
export function together<Output extends object>(
  section: v.GenericSchema<unknown, Output>,
  ...names: readonly (string & keyof Output)[]
) {
  return v.pipe(
    section,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const input: Record<string, unknown> = Object.fromEntries(Object.entries(dataset.value));
      const missing = names.filter((name) => input[name] === undefined);
      if (missing.length === names.length) return;
      for (const key of missing) {
        const path: [v.ObjectPathItem] = [{ type: 'object', origin: 'value', input, key, value: undefined }];
        addIssue({ message: 'is missing', input: undefined, path });
      }
    }),
  );
}
