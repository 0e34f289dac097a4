import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { MAX_BODY_BYTES } from './body.ts';
import { deviceStateFromWire, deviceStateToWire } from './device-state.ts';
import { MAX_ENTRIES, READING, requireFewEntries } from './entries.ts';
import { HawserError } from './errors.ts';
import * as pb from './gen/hawser/v1/link_pb.ts';
import { parseJson } from './json.ts';
import type {
  AgentMessage,
  Hello,
  Inventory,
  InventoryEntry,
  NackReason,
  Query,
  Question,
  Report,
  ReportOperation,
} from './messages.ts';
import { MAX_QUERY_MS } from './queries.ts';
import { MAX_PUBLIC_KEY_BYTES, MAX_SIGNATURE_BYTES } from './trust/limits.ts';
import {
  boundedList,
  bytesFromWire,
  counterFromWire,
  enumeration,
  hexFromWire,
  hexToWire,
  keyFromWire,
  malformed,
  positiveFromWire,
  resourceVersionFromWire,
  textFromWire,
  textToWire,
  uidFromWire,
  uidToWire,
} from './wire.ts';

/** Versions, features and dictionaries: each side has a handful. */
const MAX_OFFERS = 64;
/** Longest name of a feature or version, in characters. */
const MAX_NAME = 253;
/** More operations than fit in a batch cannot be refused in its ack. */
const MAX_LIST = MAX_ENTRIES;

/** One frame of inventory, unpacked; 500 entries with keys as long as Kubernetes allows have half of it. */
const MAX_INVENTORY_BYTES = 1024 * 1024;
/**
 * What a packed frame of inventory may make its reader allocate for Zstandard's search window, as a power of two: 2 MiB, what level 3
 * asks for by itself. Zstandard's own bound is 128 MiB.
 */
const INVENTORY_WINDOW_LOG = 21;

const nackReasons = enumeration<NackReason, pb.Nack_Reason>({
  hashMismatch: pb.Nack_Reason.HASH_MISMATCH,
  baseUnknown: pb.Nack_Reason.BASE_UNKNOWN,
  tooLarge: pb.Nack_Reason.TOO_LARGE,
  malformed: pb.Nack_Reason.MALFORMED,
  unsupported: pb.Nack_Reason.UNSUPPORTED,
  store: pb.Nack_Reason.STORE,
});

const patchTypes = enumeration<'strategic' | 'merge' | 'json', pb.Patch_Type>({
  strategic: pb.Patch_Type.STRATEGIC_MERGE,
  merge: pb.Patch_Type.MERGE,
  json: pb.Patch_Type.JSON,
});

export function agentMessageToWire(message: AgentMessage): pb.Frame['message'] {
  switch (message.type) {
    case 'hello':
      return { case: 'hello', value: helloToWire(message) };
    case 'inventory':
      return { case: 'inventory', value: inventoryToWire(message) };
    case 'ack':
      return {
        case: 'ack',
        value: create(pb.AckSchema, {
          number: BigInt(message.number),
          digest: hexToWire(message.digest),
          nacks: message.nacks.map(({ object, reason, detail }) =>
            create(pb.NackSchema, { object, reason: nackReasons.toWire(reason), detail: textToWire(detail) }),
          ),
        }),
      };
    case 'check':
      return {
        case: 'check',
        value: create(pb.CheckSchema, { number: BigInt(message.number), digest: hexToWire(message.digest) }),
      };
    case 'report':
      return { case: 'report', value: reportToWire(message.report) };
    case 'kubelet':
      return { case: 'kubelet', value: create(pb.KubeletSchema, { alive: message.alive }) };
    case 'query':
      return { case: 'query', value: queryToWire(message.query) };
    case 'cancelQuery':
      return { case: 'cancelQuery', value: create(pb.CancelQuerySchema, { id: BigInt(message.id) }) };
    case 'renew':
      return { case: 'renew', value: create(pb.RenewSchema, { publicKey: message.publicKey, proof: message.proof }) };
    case 'deviceState':
      return { case: 'deviceState', value: deviceStateToWire(message.state) };
  }
}

export function agentMessageFromWire(message: pb.Frame['message']): AgentMessage {
  switch (message.case) {
    case 'hello':
      return helloFromWire(message.value);
    case 'inventory':
      return inventoryFromWire(message.value);
    case 'ack':
      return {
        type: 'ack',
        number: positiveFromWire(counterFromWire(message.value.number, 'ack.number'), 'ack.number'),
        digest: hexFromWire(message.value.digest, 16, 'ack.digest'),
        nacks: boundedList(message.value.nacks, MAX_LIST, 'ack.nacks').map((nack) => ({
          object: positiveFromWire(nack.object, 'ack.nacks.object'),
          reason: nackReasons.fromWire(nack.reason, 'ack.nacks.reason'),
          detail: textFromWire(nack.detail, 'ack.nacks.detail'),
        })),
      };
    case 'check':
      return {
        type: 'check',
        number: counterFromWire(message.value.number, 'check.number'),
        digest: hexFromWire(message.value.digest, 16, 'check.digest'),
      };
    case 'report':
      return { type: 'report', report: reportFromWire(message.value) };
    case 'kubelet':
      return { type: 'kubelet', alive: message.value.alive };
    case 'query':
      return { type: 'query', query: queryFromWire(message.value) };
    case 'cancelQuery':
      return { type: 'cancelQuery', id: idFromWire(message.value.id, 'cancelQuery.id') };
    case 'renew':
      return {
        type: 'renew',
        publicKey: bytesFromWire(message.value.publicKey, MAX_PUBLIC_KEY_BYTES, 'renew.publicKey'),
        proof: bytesFromWire(message.value.proof, MAX_SIGNATURE_BYTES, 'renew.proof'),
      };
    case 'deviceState':
      return { type: 'deviceState', state: deviceStateFromWire(message.value) };
    case undefined:
      throw malformed('frame', 'holds no message that this version knows');
    default:
      throw new HawserError('protocol', `${message.case} is not a message that an agent sends`);
  }
}

function helloToWire(hello: Hello): pb.Hello {
  return create(pb.HelloSchema, {
    protocolVersions: [...hello.protocolVersions],
    features: [...hello.features],
    dictionaries: hello.dictionaries.map(hexToWire),
    agentVersion: hello.agentVersion,
    storeId: hexToWire(hello.storeId),
    clusterUid: hello.clusterUid ?? '',
    digest: hexToWire(hello.digest),
    objects: hello.objects,
    epoch: BigInt(hello.epoch ?? 0),
    authorities: hexToWire(hello.authorities ?? ''),
    clusterKeys: hexToWire(hello.clusterKeys ?? ''),
  });
}

function helloFromWire(hello: pb.Hello): Hello {
  if (hello.agentVersion.length > MAX_NAME) throw malformed('hello.agentVersion', 'is too long');
  if (hello.clusterUid.length > MAX_NAME) throw malformed('hello.clusterUid', 'is too long');
  if (hello.features.some((feature) => feature.length > MAX_NAME))
    throw malformed('hello.features', 'has a name that is too long');
  return {
    type: 'hello',
    protocolVersions: boundedList(hello.protocolVersions, MAX_OFFERS, 'hello.protocolVersions'),
    features: boundedList(hello.features, MAX_OFFERS, 'hello.features'),
    dictionaries: boundedList(hello.dictionaries, MAX_OFFERS, 'hello.dictionaries').map((bytes) =>
      hexFromWire(bytes, 8, 'hello.dictionaries'),
    ),
    agentVersion: hello.agentVersion,
    storeId: hexFromWire(hello.storeId, 16, 'hello.storeId'),
    clusterUid: hello.clusterUid === '' ? undefined : hello.clusterUid,
    digest: hexFromWire(hello.digest, 16, 'hello.digest'),
    objects: hello.objects,
    epoch: hello.epoch === 0n ? undefined : counterFromWire(hello.epoch, 'hello.epoch'),
    authorities: hello.authorities.length === 0 ? undefined : hexFromWire(hello.authorities, 8, 'hello.authorities'),
    clusterKeys: hello.clusterKeys.length === 0 ? undefined : hexFromWire(hello.clusterKeys, 8, 'hello.clusterKeys'),
  };
}

/** Keys and uids repeat so much that a few entries are worth a Zstandard frame; an empty inventory is not. */
function inventoryToWire({ entries, last }: Inventory): pb.Inventory {
  const plain = create(pb.InventorySchema, { entries: entries.map(entryToWire) });
  const bytes = toBinary(pb.InventorySchema, plain);
  const packed = zstdCompressSync(bytes);
  return packed.length < bytes.length
    ? create(pb.InventorySchema, { packed, packedSize: bytes.length, last })
    : create(pb.InventorySchema, { entries: plain.entries, last });
}

function inventoryFromWire({ entries, last, packed, packedSize }: pb.Inventory): Inventory {
  const read = packed.length === 0 ? entries : unpackEntries(packed, packedSize);
  return { type: 'inventory', entries: boundedList(read, MAX_LIST, 'inventory.entries').map(entryFromWire), last };
}

function unpackEntries(packed: Uint8Array, size: number): pb.InventoryEntry[] {
  if (size > MAX_INVENTORY_BYTES) throw malformed('inventory.packed', `of ${size} bytes is over ${MAX_INVENTORY_BYTES}`);
  try {
    const bytes = zstdDecompressSync(packed, {
      maxOutputLength: Math.max(size, 1),
      params: { [constants.ZSTD_d_windowLogMax]: INVENTORY_WINDOW_LOG },
    });
    requireFewEntries(pb.InventorySchema, bytes);
    return fromBinary(pb.InventorySchema, bytes, READING).entries;
  } catch (cause) {
    throw new HawserError('malformed_frame', 'malformed frame: inventory.packed is no inventory of the stated size', { cause });
  }
}

function entryToWire(entry: InventoryEntry): pb.InventoryEntry {
  return create(pb.InventoryEntrySchema, {
    number: entry.number,
    key: entry.key,
    uid: uidToWire(entry.version.uid),
    resourceVersion: entry.version.resourceVersion,
    hash: hexToWire(entry.version.hash),
    refused: entry.refused,
  });
}

function entryFromWire(entry: pb.InventoryEntry): InventoryEntry {
  return {
    number: positiveFromWire(entry.number, 'inventory.entries.number'),
    key: keyFromWire(entry.key, 'inventory.entries.key'),
    version: {
      uid: uidFromWire(entry.uid, 'inventory.entries.uid'),
      resourceVersion: resourceVersionFromWire(entry.resourceVersion, 'inventory.entries.resourceVersion'),
      hash: hexFromWire(entry.hash, 8, 'inventory.entries.hash'),
    },
    refused: entry.refused,
  };
}

function reportToWire(report: Report): pb.Report {
  return create(pb.ReportSchema, {
    number: BigInt(report.number),
    resource: report.resource,
    namespace: report.namespace,
    name: report.name,
    ...(report.uid === undefined ? {} : { uid: uidToWire(report.uid) }),
    subresource: report.subresource,
    operation: operationToWire(report.operation),
  });
}

function operationToWire(operation: ReportOperation): pb.Report['operation'] {
  switch (operation.type) {
    case 'create':
      return { case: 'create', value: create(pb.CreateSchema, { body: Buffer.from(operation.body, 'utf8') }) };
    case 'update':
      return { case: 'update', value: create(pb.UpdateSchema, { body: Buffer.from(operation.body, 'utf8') }) };
    case 'patch':
      return {
        case: 'patch',
        value: create(pb.PatchSchema, {
          type: patchTypes.toWire(operation.patchType),
          body: Buffer.from(operation.body, 'utf8'),
        }),
      };
    case 'remove':
      return {
        case: 'remove',
        value: create(
          pb.RemoveSchema,
          operation.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: operation.gracePeriodSeconds },
        ),
      };
  }
}

function reportFromWire(report: pb.Report): Report {
  return {
    number: positiveFromWire(counterFromWire(report.number, 'report.number'), 'report.number'),
    resource: resourceFromWire(report.resource, 'report.resource'),
    namespace: nameFromWire(report.namespace, 'report.namespace'),
    name: nameFromWire(report.name, 'report.name'),
    uid: report.uid === undefined ? undefined : uidFromWire(report.uid, 'report.uid'),
    subresource: nameFromWire(report.subresource, 'report.subresource'),
    operation: operationFromWire(report.operation),
  };
}

function queryToWire({ id, deadlineMs, question }: Query): pb.Query {
  const { resource, namespace, name } = question;
  return create(pb.QuerySchema, {
    id: BigInt(id),
    deadlineMs,
    resource,
    namespace,
    name,
    question:
      question.type === 'get'
        ? { case: 'get', value: create(pb.GetSchema) }
        : {
            case: 'submit',
            value: create(pb.SubmitSchema, {
              subresource: question.subresource,
              body: Buffer.from(question.body, 'utf8'),
            }),
          },
  });
}

function queryFromWire(query: pb.Query): Query {
  const { deadlineMs } = query;
  if (deadlineMs < 1 || deadlineMs > MAX_QUERY_MS) throw malformed('query.deadlineMs', `must be 1 to ${MAX_QUERY_MS}`);
  return { id: idFromWire(query.id, 'query.id'), deadlineMs, question: questionFromWire(query) };
}

function questionFromWire(query: pb.Query): Question {
  const object = {
    resource: resourceFromWire(query.resource, 'query.resource'),
    namespace: nameFromWire(query.namespace, 'query.namespace'),
    name: nameFromWire(query.name, 'query.name'),
  };
  switch (query.question.case) {
    case 'get':
      return { type: 'get', ...object };
    case 'submit': {
      const { subresource, body } = query.question.value;
      return {
        type: 'submit',
        ...object,
        subresource: nameFromWire(subresource, 'query.submit.subresource'),
        body: jsonText(body, 'query.submit.body'),
      };
    }
    default:
      throw malformed('query.question', 'is missing or unknown');
  }
}

function idFromWire(id: bigint, field: string): number {
  return positiveFromWire(counterFromWire(id, field), field);
}

/** `pods`, or `group/resource`. */
function resourceFromWire(resource: string, field: string): string {
  if (resource === '') throw malformed(field, 'is empty');
  nameFromWire(resource.replace('/', ''), field);
  return resource;
}

/** A Kubernetes name as far as it can do harm in a path; empty where there is none. */
function nameFromWire(name: string, field: string): string {
  if (name.length > MAX_NAME || /[\s/\p{Cc}]/u.test(name)) throw malformed(field, 'is no Kubernetes name');
  return name;
}

function operationFromWire(operation: pb.Report['operation']): ReportOperation {
  switch (operation.case) {
    case 'create':
      return { type: 'create', body: jsonText(operation.value.body, 'report.create.body') };
    case 'update':
      return { type: 'update', body: jsonText(operation.value.body, 'report.update.body') };
    case 'patch':
      return {
        type: 'patch',
        patchType: patchTypes.fromWire(operation.value.type, 'report.patch.type'),
        body: jsonText(operation.value.body, 'report.patch.body'),
      };
    case 'remove':
      return { type: 'remove', gracePeriodSeconds: operation.value.gracePeriodSeconds };
    default:
      throw malformed('report.operation', 'is missing or unknown');
  }
}

function jsonText(bytes: Uint8Array, field: string): string {
  if (bytes.length > MAX_BODY_BYTES) throw malformed(field, `has ${bytes.length} bytes, at most ${MAX_BODY_BYTES} are taken`);
  const text = Buffer.from(bytes).toString('utf8');
  try {
    parseJson(text);
  } catch (cause) {
    throw new HawserError('malformed_frame', `malformed frame: ${field} is no JSON`, { cause });
  }
  return text;
}
