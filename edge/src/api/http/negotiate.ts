import { notAcceptable } from '../status.ts';

export type Encoding = 'json' | 'yaml' | 'protobuf';

/** How an object is to be shown; see meta/v1 Table and PartialObjectMetadata. */
export type Presentation = 'plain' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

export interface Negotiated {
  readonly encoding: Encoding;
  readonly presentation: Presentation;
  /** Beside Protocol Buffers: the text that the client takes as well, for what they cannot say. */
  readonly instead?: 'json' | 'yaml';
}

/** Longest Accept or Content-Type header that is looked at, in characters. More is refused with 406 and 415. */
const MAX_MEDIA_HEADER_LENGTH = 4096;

export interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/*', '*/*']);
const YAML_TYPE = 'application/yaml';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const PRESENTATIONS: ReadonlySet<string> = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

/** The first media type of the Accept header that can be served. @throws ApiError 406 */
export function negotiate(accept: string | undefined, watch: boolean): Negotiated {
  if (accept === undefined || accept.trim() === '') return { encoding: 'json', presentation: 'plain' };
  const ranges = parseMediaRanges(accept);
  const served = ranges.map((range) => servedForm(range, watch)).filter((form) => form !== undefined);
  const [first] = served;
  if (first === undefined)
    throw ranges.some(({ type }) => encodingOf(type) !== undefined) ? onlyAccepted(watch) : noRepresentation();
  if (first.encoding !== 'protobuf') return first;
  for (const { encoding, presentation } of served) {
    if (encoding !== 'protobuf' && presentation === first.presentation) return { ...first, instead: encoding };
  }
  return first;
}

/** Undefined for a range that is not served: an unknown type or form, a Table in Protocol Buffers, a watch in YAML. */
function servedForm({ type, parameters }: MediaRange, watch: boolean): Negotiated | undefined {
  const encoding = encodingOf(type);
  const presentation = presentationOf(parameters);
  if (encoding === undefined || presentation === undefined || (watch && encoding === 'yaml')) return undefined;
  if (encoding === 'protobuf' && presentation === 'Table') return undefined;
  const stream = parameters.get('stream');
  return stream === undefined || (stream === 'watch' && watch) ? { encoding, presentation } : undefined;
}

function encodingOf(type: string): Encoding | undefined {
  if (JSON_TYPES.has(type)) return 'json';
  return type === YAML_TYPE ? 'yaml' : type === PROTOBUF_TYPE ? 'protobuf' : undefined;
}

/** The encoding for an error, which is always told in something. */
export function errorEncoding(accept: string | undefined): Encoding {
  const encodings = parseMediaRanges(accept ?? '').map(({ type }) => encodingOf(type));
  return encodings.find((encoding) => encoding !== undefined) ?? 'json';
}

export function parseMediaRanges(header: string): MediaRange[] {
  if (header.length > MAX_MEDIA_HEADER_LENGTH) return [];
  return header
    .split(',')
    .map((part) => {
      const [type = '', ...rest] = part.split(';').map((piece) => piece.trim());
      const parameters = new Map(
        rest.map((parameter) => {
          const equals = parameter.indexOf('=');
          return equals < 0 ? [parameter, ''] : [parameter.slice(0, equals).trim(), parameter.slice(equals + 1).trim()];
        }),
      );
      const quality = Number(parameters.get('q') ?? 1);
      return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
    })
    .filter((range) => range.type !== '' && range.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

/** Undefined for a form that is not served. */
function presentationOf(parameters: ReadonlyMap<string, string>): Presentation | undefined {
  const as = parameters.get('as');
  if (as === undefined) return 'plain';
  const version = parameters.get('v');
  if (parameters.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1') || !PRESENTATIONS.has(as))
    return undefined;
  return as === 'Table' || as === 'PartialObjectMetadata' ? as : 'PartialObjectMetadataList';
}

export function onlyAccepted(watch: boolean): Error {
  const types = watch
    ? 'application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch'
    : 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  return notAcceptable(`only the following media types are accepted: ${types}`);
}

function noRepresentation(): Error {
  return notAcceptable(
    '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, ' +
      'application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
    {},
  );
}
