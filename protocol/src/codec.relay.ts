import { create } from '@bufbuild/protobuf';
import { type EncodedBody, MAX_BODY_BYTES } from './body.ts';
import { HawserError } from './errors.ts';
import * as pb from './gen/hawser/v1/link_pb.ts';
import type {
  Goodbye,
  GoodbyeReason,
  Operation,
  OperationChange,
  RelayMessage,
  ReportOutcome,
  SessionState,
  SessionStatus,
  Welcome,
} from './messages.ts';
import {
  boundedList,
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
const MAX_OPERATIONS = 10_000;

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
        operations: boundedList(message.value.operations, MAX_OPERATIONS, 'batch.operations').map(operationFromWire),
        complete: message.value.complete,
      };
    case 'reportAnswer':
      return {
        type: 'reportAnswer',
        number: positiveFromWire(counterFromWire(message.value.number, 'reportAnswer.number'), 'reportAnswer.number'),
        outcome: outcomeFromWire(message.value.outcome),
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
          encoding: encodings.toWire(change.body.encoding),
          body: change.body.bytes,
          size: change.body.size,
          ...(change.body.encoding === 'zstdStatic' ? { dictionary: hexToWire(change.body.dictionary) } : {}),
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
        body: bodyFromWire(kind.value),
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

function bodyFromWire(upsert: pb.Upsert): EncodedBody {
  const encoding = encodings.fromWire(upsert.encoding, 'upsert.encoding');
  const body = { bytes: upsert.body, size: sizeFromWire(upsert.size, 'upsert.size') };
  return encoding === 'zstdStatic'
    ? { ...body, encoding, dictionary: hexFromWire(upsert.dictionary, 8, 'upsert.dictionary') }
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
      return {
        case: 'refused',
        value: create(pb.RefusedSchema, {
          code: outcome.code,
          reason: textToWire(outcome.reason),
          message: textToWire(outcome.message),
        }),
      };
    case 'unavailable':
      return {
        case: 'unavailable',
        value: create(pb.UnavailableSchema, { retryAfterMs: outcome.retryAfterMs, message: textToWire(outcome.message) }),
      };
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
      return {
        type: 'refused',
        code: outcome.value.code,
        reason: textFromWire(outcome.value.reason, 'refused.reason'),
        message: textFromWire(outcome.value.message, 'refused.message'),
      };
    case 'unavailable':
      return {
        type: 'unavailable',
        retryAfterMs: outcome.value.retryAfterMs,
        message: textFromWire(outcome.value.message, 'unavailable.message'),
      };
    default:
      throw malformed('reportAnswer.outcome', 'is missing or unknown');
  }
}

function goodbyeFromWire(goodbye: pb.Goodbye): Goodbye {
  return {
    type: 'goodbye',
    reason: goodbyeReasons.fromWire(goodbye.reason, 'goodbye.reason'),
    detail: textFromWire(goodbye.detail, 'goodbye.detail'),
    retryAfterMs: goodbye.retryAfterMs,
  };
}
