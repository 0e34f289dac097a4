import { SETTINGS, SettingsSchema } from '@hawser/cloud';

/** A piece of JSON Schema (draft-07, as Helm reads it). */
type JsonSchema = Readonly<Record<string, unknown>>;

/** The schema of values with that of the relay's own settings under `settings`. */
export function withSettings(valuesSchema: string): string {
  const schema = JSON.parse(valuesSchema) as { properties: Record<string, unknown> };
  schema.properties.settings = { ...settingsSchema(), description: 'As in the configuration file of the relay.' };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** What the relay takes as its configuration file, as far as JSON Schema can say it: names, types, bounds, choices. Nothing need be given. */
export function settingsSchema(): JsonSchema {
  return jsonSchemaOf(SettingsSchema, '');
}

/** The parts of valibot's schemas and actions that are looked at. */
interface Piece {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Piece>>;
  readonly wrapped?: Piece;
  readonly item?: Piece;
  readonly options?: readonly unknown[];
  readonly requirement?: unknown;
  readonly pipe?: readonly Piece[];
}

function jsonSchemaOf(schema: object, path: string): JsonSchema {
  const pieces = piecesOf(schema as Piece);
  const of = (type: string) => pieces.find((piece) => piece.type === type);
  const section = of('strict_object');
  if (section?.entries !== undefined) {
    const properties = Object.entries(section.entries).map(([name, inner]) => [
      name,
      jsonSchemaOf(inner, path === '' ? name : `${path}.${name}`),
    ]);
    return { type: 'object', additionalProperties: false, properties: Object.fromEntries(properties) };
  }
  const description = SETTINGS.find((setting) => setting.path === path)?.help;
  if (description === undefined) throw new Error(`${path} is in the schema of the relay's settings and not in their table`);
  const choices = of('picklist')?.options;
  if (choices !== undefined) return { description, enum: choices };
  if (of('boolean') !== undefined) return { description, type: 'boolean' };
  if (of('number') !== undefined) {
    return { description, type: 'integer', minimum: of('min_value')?.requirement, maximum: of('max_value')?.requirement };
  }
  if (of('array') !== undefined) {
    return { description, type: 'array', items: { type: 'string' }, maxItems: of('max_length')?.requirement };
  }
  if (of('string') !== undefined) return { description, type: 'string', minLength: 1 };
  throw new Error(`${path} is of a kind that no JSON Schema is made of: ${pieces.map(({ type }) => type).join(', ')}`);
}

/** A schema with all that it is piped through and wrapped in. */
function piecesOf(piece: Piece): Piece[] {
  const inner = [...(piece.pipe ?? []).filter((one) => one !== piece), ...(piece.wrapped === undefined ? [] : [piece.wrapped])];
  return [piece, ...inner.flatMap((one) => (one.pipe === piece.pipe && one.wrapped === undefined ? [one] : piecesOf(one)))];
}
