import { create } from '@bufbuild/protobuf';
import { type EncodedBody, MAX_BODY_BYTES } from './body.ts';
import { MAX_ENTRIES } from './entries.ts';
import { HawserError } from './errors.ts';
import * as pb from './gen/hawser/v1/link_pb.ts';
import type {
  Goodbye,
  GoodbyeReason,
  Operation,
  OperationChange,
  QueryAnswer,
  RelayMessage,
  RenewalOutcome,
  ReportOutcome,
  SessionState,
  SessionStatus,
  StatusText,
  Welcome,
} from './messages.ts';
import { type ClusterKeys, MAX_AUDIENCES, MAX_ISSUER_LENGTH, MAX_KEY_SET_BYTES } from './trust/cluster-keys.ts';
import { MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES } from './trust/limits.ts';
import { MAX_UNPACKED_BYTES, unpackedBytes } from './unpacked.ts';
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

/** Features and dictionaries: each side has a handful. */
const MAX_OFFERS = 64;
/** A batch is one SQLite transaction and holds up others while it runs. */
const MAX_OPERATIONS = MAX_ENTRIES;

const states = enumeration<SessionState, pb.SessionStatus_State>({
  relaySyncing: pb.SessionStatus_State.RELAY_SYNCING,
  nodeMissing: pb.SessionStatus_State.NODE_MISSING,
  nodeNotLabelled: pb.SessionStatus_State.NODE_NOT_LABELLED,
  syncing: pb.SessionStatus_State.SYNCING,
  inSync: pb.SessionStatus_State.IN_SYNC,
});

const goodbyeReasons = enumeration<GoodbyeReason, pb.Goodbye_Reason>({
  replaced: pb.Goodbye_Reason.REPLACED,
  shuttingDown: pb.Goodbye_Reason.SHUTTING_DOWN,
  protocolError: pb.Goodbye_Reason.PROTOCOL_ERROR,
  wrongCluster: pb.Goodbye_Reason.WRONG_CLUSTER,
  overloaded: pb.Goodbye_Reason.OVERLOADED,
  newEpoch: pb.Goodbye_Reason.NEW_EPOCH,
  revoked: pb.Goodbye_Reason.REVOKED,
  overBound: pb.Goodbye_Reason.OVER_BOUND,
});

const encodings = enumeration<EncodedBody['encoding'], pb.Encoding>({
  identity: pb.Encoding.IDENTITY,
  zstd: pb.Encoding.ZSTD,
  zstdStatic: pb.Encoding.ZSTD_STATIC,
});

export function relayMessageToWire(message: RelayMessage): pb.Frame['message'] {
  switch (message.type) {
    case 'welcome':
      return { case: 'welcome', value: welcomeToWire(message) };
    case 'status':
      return { case: 'sessionStatus', value: statusToWire(message.status) };
    case 'inventoryRequest':
      return { case: 'inventoryRequest', value: create(pb.InventoryRequestSchema) };
    case 'batch':
      return {
        case: 'batch',
        value: create(pb.BatchSchema, {
          number: BigInt(message.number),
          operations: message.operations.map(operationToWire),
          complete: message.complete,
        }),
      };
    case 'reportAnswer':
      return {
        case: 'reportAnswer',
        value: create(pb.ReportAnswerSchema, { number: BigInt(message.number), outcome: outcomeToWire(message.outcome) }),
      };
    case 'queryAnswer':
      return {
        case: 'queryAnswer',
        value: create(pb.QueryAnswerSchema, { id: BigInt(message.id), answer: answerToWire(message.answer) }),
      };
    case 'renewed':
      return { case: 'renewed', value: create(pb.RenewedSchema, { outcome: renewalToWire(message.outcome) }) };
    case 'authorities':
      return {
        case: 'authorities',
        value: create(pb.AuthoritiesSchema, { certificates: [...message.certificates] }),
      };
    case 'clusterKeys': {
      const { issuer, audiences, keySet } = message.keys;
      const value = create(pb.ClusterKeysSchema, { issuer, audiences: [...audiences], keys: Buffer.from(keySet, 'utf8') });
      return { case: 'clusterKeys', value };
    }
    case 'deviceQuestion':
      return { case: 'deviceQuestion', value: create(pb.DeviceQuestionSchema, { id: BigInt(message.id) }) };
    case 'goodbye':
      return {
        case: 'goodbye',
        value: create(pb.GoodbyeSchema, {
          reason: goodbyeReasons.toWire(message.reason),
          detail: textToWire(message.detail),
          retryAfterMs: message.retryAfterMs,
        }),
      };
  }
}

export function relayMessageFromWire(message: pb.Frame['message']): RelayMessage {
  switch (message.case) {
    case 'welcome':
      return welcomeFromWire(message.value);
    case 'sessionStatus':
      return { type: 'status', status: statusFromWire(message.value) };
    case 'inventoryRequest':
      return { type: 'inventoryRequest' };
    case 'batch':
      return {
        type: 'batch',
        number: positiveFromWire(counterFromWire(message.value.number, 'batch.number'), 'batch.number'),
        operations: boundedBodies(
          boundedList(message.value.operations, MAX_OPERATIONS, 'batch.operations').map(operationFromWire),
        ),
        complete: message.value.complete,
      };
    case 'reportAnswer':
      return {
        type: 'reportAnswer',
        number: positiveFromWire(counterFromWire(message.value.number, 'reportAnswer.number'), 'reportAnswer.number'),
        outcome: outcomeFromWire(message.value.outcome),
      };
    case 'queryAnswer':
      return {
        type: 'queryAnswer',
        id: positiveFromWire(counterFromWire(message.value.id, 'queryAnswer.id'), 'queryAnswer.id'),
        answer: answerFromWire(message.value.answer),
      };
    case 'renewed':
      return { type: 'renewed', outcome: renewalFromWire(message.value.outcome) };
    case 'authorities':
      return { type: 'authorities', certificates: certificatesFromWire(message.value.certificates, 'authorities.certificates') };
    case 'clusterKeys':
      return { type: 'clusterKeys', keys: clusterKeysFromWire(message.value) };
    case 'deviceQuestion':
      return {
        type: 'deviceQuestion',
        id: positiveFromWire(counterFromWire(message.value.id, 'deviceQuestion.id'), 'deviceQuestion.id'),
      };
    case 'goodbye':
      return goodbyeFromWire(message.value);
    case undefined:
      throw malformed('frame', 'holds no message that this version knows');
    default:
      throw new HawserError('protocol', `${message.case} is not a message that a relay sends`);
  }
}

function welcomeToWire(welcome: Welcome): pb.Welcome {
  return create(pb.WelcomeSchema, {
    protocolVersion: welcome.protocolVersion,
    features: [...welcome.features],
    dictionaries: welcome.dictionaries.map(hexToWire),
    relayVersion: welcome.relayVersion,
    clusterUid: welcome.clusterUid,
    epoch: BigInt(welcome.epoch),
    nodeName: welcome.nodeName,
    status: statusToWire(welcome.status),
  });
}

function welcomeFromWire(welcome: pb.Welcome): Welcome {
  if (welcome.clusterUid === '') throw malformed('welcome.clusterUid', 'is empty');
  if (welcome.nodeName === '') throw malformed('welcome.nodeName', 'is empty');
  if (welcome.status === undefined) throw malformed('welcome.status', 'is missing');
  return {
    type: 'welcome',
    protocolVersion: welcome.protocolVersion,
    features: boundedList(welcome.features, MAX_OFFERS, 'welcome.features'),
    dictionaries: boundedList(welcome.dictionaries, MAX_OFFERS, 'welcome.dictionaries').map((bytes) =>
      hexFromWire(bytes, 8, 'welcome.dictionaries'),
    ),
    relayVersion: textFromWire(welcome.relayVersion, 'welcome.relayVersion'),
    clusterUid: textFromWire(welcome.clusterUid, 'welcome.clusterUid'),
    epoch: counterFromWire(welcome.epoch, 'welcome.epoch'),
    nodeName: textFromWire(welcome.nodeName, 'welcome.nodeName'),
    status: statusFromWire(welcome.status),
  };
}

function statusToWire(status: SessionStatus): pb.SessionStatus {
  return create(pb.SessionStatusSchema, { state: states.toWire(status.state), detail: textToWire(status.detail) });
}

function statusFromWire(status: pb.SessionStatus): SessionStatus {
  return { state: states.fromWire(status.state, 'status.state'), detail: textFromWire(status.detail, 'status.detail') };
}

function operationToWire(operation: Operation): pb.Operation {
  return create(pb.OperationSchema, {
    object: operation.object,
    key: operation.key ?? '',
    kind: changeToWire(operation.change),
  });
}

function changeToWire(change: OperationChange): pb.Operation['kind'] {
  switch (change.type) {
    case 'upsert':
      return {
        case: 'upsert',
        value: create(pb.UpsertSchema, {
          uid: uidToWire(change.version.uid),
          resourceVersion: change.version.resourceVersion,
          hash: hexToWire(change.version.hash),
          ...bodyToWire(change.body),
        }),
      };
    case 'upsertDelta':
      return {
        case: 'upsertDelta',
        value: create(pb.UpsertDeltaSchema, {
          resourceVersion: change.resourceVersion,
          baseHash: hexToWire(change.baseHash),
          hash: hexToWire(change.hash),
          body: change.bytes,
          size: change.size,
        }),
      };
    case 'touch':
      return { case: 'touch', value: create(pb.TouchSchema, { resourceVersion: change.resourceVersion }) };
    case 'delete':
      return { case: 'delete', value: create(pb.DeleteSchema, { uid: uidToWire(change.uid) }) };
  }
}

function operationFromWire(operation: pb.Operation): Operation {
  return {
    object: positiveFromWire(operation.object, 'batch.operations.object'),
    key: operation.key === '' ? undefined : keyFromWire(operation.key, 'batch.operations.key'),
    change: changeFromWire(operation.kind),
  };
}

function changeFromWire(kind: pb.Operation['kind']): OperationChange {
  switch (kind.case) {
    case 'upsert':
      return {
        type: 'upsert',
        version: {
          uid: uidFromWire(kind.value.uid, 'upsert.uid'),
          resourceVersion: resourceVersionFromWire(kind.value.resourceVersion, 'upsert.resourceVersion'),
          hash: hexFromWire(kind.value.hash, 8, 'upsert.hash'),
        },
        body: bodyFromWire(kind.value, 'upsert'),
      };
    case 'upsertDelta':
      return {
        type: 'upsertDelta',
        resourceVersion: resourceVersionFromWire(kind.value.resourceVersion, 'upsertDelta.resourceVersion'),
        baseHash: hexFromWire(kind.value.baseHash, 8, 'upsertDelta.baseHash'),
        hash: hexFromWire(kind.value.hash, 8, 'upsertDelta.hash'),
        bytes: kind.value.body,
        size: sizeFromWire(kind.value.size, 'upsertDelta.size'),
      };
    case 'touch':
      return { type: 'touch', resourceVersion: resourceVersionFromWire(kind.value.resourceVersion, 'touch.resourceVersion') };
    case 'delete':
      return { type: 'delete', uid: uidFromWire(kind.value.uid, 'delete.uid') };
    default:
      throw malformed('batch.operations', 'has an operation that this version does not know');
  }
}

function bodyToWire(body: EncodedBody): Pick<pb.Upsert, 'encoding' | 'body' | 'size' | 'dictionary'> {
  return {
    encoding: encodings.toWire(body.encoding),
    body: body.bytes,
    size: body.size,
    dictionary: body.encoding === 'zstdStatic' ? hexToWire(body.dictionary) : new Uint8Array(),
  };
}

function bodyFromWire(wire: Pick<pb.Upsert, 'encoding' | 'body' | 'size' | 'dictionary'>, field: string): EncodedBody {
  const encoding = encodings.fromWire(wire.encoding, `${field}.encoding`);
  const body = { bytes: wire.body, size: sizeFromWire(wire.size, `${field}.size`) };
  return encoding === 'zstdStatic'
    ? { ...body, encoding, dictionary: hexFromWire(wire.dictionary, 8, `${field}.dictionary`) }
    : { ...body, encoding };
}

function sizeFromWire(size: number, field: string): number {
  if (size > MAX_BODY_BYTES) throw malformed(field, `of ${size} bytes is over ${MAX_BODY_BYTES}`);
  return size;
}

function outcomeToWire(outcome: ReportOutcome): pb.ReportAnswer['outcome'] {
  switch (outcome.type) {
    case 'applied':
      return {
        case: 'applied',
        value: create(pb.AppliedSchema, {
          uid: uidToWire(outcome.uid),
          resourceVersion: outcome.resourceVersion ?? '',
          name: outcome.name,
        }),
      };
    case 'refused':
      return { case: 'refused', value: statusTextToWire(outcome) };
    case 'unavailable':
      return { case: 'unavailable', value: unavailableToWire(outcome) };
  }
}

function outcomeFromWire(outcome: pb.ReportAnswer['outcome']): ReportOutcome {
  switch (outcome.case) {
    case 'applied':
      return {
        type: 'applied',
        uid: uidFromWire(outcome.value.uid, 'applied.uid'),
        resourceVersion:
          outcome.value.resourceVersion === ''
            ? undefined
            : resourceVersionFromWire(outcome.value.resourceVersion, 'applied.resourceVersion'),
        name: textFromWire(outcome.value.name, 'applied.name'),
      };
    case 'refused':
      return { type: 'refused', ...statusTextFromWire(outcome.value, 'refused') };
    case 'unavailable':
      return { type: 'unavailable', ...unavailableFromWire(outcome.value) };
    default:
      throw malformed('reportAnswer.outcome', 'is missing or unknown');
  }
}

function answerToWire(answer: QueryAnswer): pb.QueryAnswer['answer'] {
  switch (answer.type) {
    case 'found':
      return { case: 'found', value: create(pb.FoundSchema, { ...bodyToWire(answer.body), cached: answer.cached }) };
    case 'notFound':
    case 'forbidden':
    case 'refused':
      return { case: answer.type, value: statusTextToWire(answer) };
    case 'unavailable':
      return { case: 'unavailable', value: unavailableToWire(answer) };
  }
}

function answerFromWire(answer: pb.QueryAnswer['answer']): QueryAnswer {
  switch (answer.case) {
    case 'found':
      return { type: 'found', cached: answer.value.cached, body: bodyFromWire(answer.value, 'found') };
    case 'notFound':
    case 'forbidden':
    case 'refused':
      return { type: answer.case, ...statusTextFromWire(answer.value, answer.case) };
    case 'unavailable':
      return { type: 'unavailable', ...unavailableFromWire(answer.value) };
    default:
      throw malformed('queryAnswer.answer', 'is missing or unknown');
  }
}

function renewalToWire(outcome: RenewalOutcome): pb.Renewed['outcome'] {
  switch (outcome.type) {
    case 'issued':
      return { case: 'issued', value: create(pb.IssuedSchema, { certificates: [...outcome.certificates] }) };
    case 'refused':
      return { case: 'refused', value: statusTextToWire(outcome) };
    case 'unavailable':
      return { case: 'unavailable', value: unavailableToWire(outcome) };
  }
}

function renewalFromWire(outcome: pb.Renewed['outcome']): RenewalOutcome {
  switch (outcome.case) {
    case 'issued':
      return { type: 'issued', certificates: certificatesFromWire(outcome.value.certificates, 'renewed.certificates') };
    case 'refused':
      return { type: 'refused', ...statusTextFromWire(outcome.value, 'renewed.refused') };
    case 'unavailable':
      return { type: 'unavailable', ...unavailableFromWire(outcome.value) };
    default:
      throw malformed('renewed.outcome', 'is missing or unknown');
  }
}

/** One at least: an empty list would take away all trust. What the bytes are is looked at by whoever trusts them. */
function certificatesFromWire(certificates: readonly Uint8Array[], field: string): readonly Uint8Array[] {
  if (certificates.length === 0) throw malformed(field, 'is empty');
  return boundedList(certificates, MAX_CERTIFICATES, field).map((bytes) => bytesFromWire(bytes, MAX_CERTIFICATE_BYTES, field));
}

function clusterKeysFromWire({ issuer, audiences, keys }: pb.ClusterKeys): ClusterKeys {
  for (const [text, field] of [[issuer, 'issuer'] as const, ...audiences.map((audience) => [audience, 'audiences'] as const)]) {
    if (text === '') throw malformed(`clusterKeys.${field}`, 'is empty');
    if (text.length > MAX_ISSUER_LENGTH) {
      throw malformed(`clusterKeys.${field}`, `is longer than ${MAX_ISSUER_LENGTH} characters`);
    }
  }
  if (audiences.length === 0) throw malformed('clusterKeys.audiences', 'is empty');
  const bytes = bytesFromWire(keys, MAX_KEY_SET_BYTES, 'clusterKeys.keys');
  return {
    issuer,
    audiences: boundedList(audiences, MAX_AUDIENCES, 'clusterKeys.audiences'),
    keySet: Buffer.from(bytes).toString('utf8'),
  };
}

function statusTextToWire({ code, reason, message }: StatusText): pb.Refused {
  return create(pb.RefusedSchema, { code, reason: textToWire(reason), message: textToWire(message) });
}

function statusTextFromWire({ code, reason, message }: pb.Refused, field: string): StatusText {
  return { code, reason: textFromWire(reason, `${field}.reason`), message: textFromWire(message, `${field}.message`) };
}

function unavailableToWire({
  retryAfterMs,
  message,
}: {
  readonly retryAfterMs: number;
  readonly message: string;
}): pb.Unavailable {
  return create(pb.UnavailableSchema, { retryAfterMs, message: textToWire(message) });
}

function unavailableFromWire({ retryAfterMs, message }: pb.Unavailable): { retryAfterMs: number; message: string } {
  return { retryAfterMs, message: textFromWire(message, 'unavailable.message') };
}

/** A reason that a later relay has and this version does not: the link ends anyway, and what counts is the wait that it asks for. */
function isLaterReason(reason: number): boolean {
  return reason > Math.max(...Object.values(pb.Goodbye_Reason).filter((value) => typeof value === 'number'));
}

function goodbyeFromWire(goodbye: pb.Goodbye): Goodbye {
  return {
    type: 'goodbye',
    reason: isLaterReason(goodbye.reason) ? 'shuttingDown' : goodbyeReasons.fromWire(goodbye.reason, 'goodbye.reason'),
    detail: textFromWire(goodbye.detail, 'goodbye.detail'),
    retryAfterMs: goodbye.retryAfterMs,
  };
}

function boundedBodies(operations: readonly Operation[]): readonly Operation[] {
  let bytes = 0;
  for (const { change } of operations) bytes += unpackedBytes(change);
  if (bytes > MAX_UNPACKED_BYTES) throw malformed('batch.operations', `unpack to ${bytes} bytes, over ${MAX_UNPACKED_BYTES}`);
  return operations;
}
