import { planReport } from '@hawser/cloud';
import {
  applyStrategicMergePatch,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonEquals,
  objectKey,
  type Report,
  type ReportOutcome,
} from '@hawser/protocol';
import { type Cluster, type Stored, typeOf } from './cluster.ts';

/** What the API server does with a node's report: the few verbs that the model's devices use, with their preconditions. */
export function performReport(cluster: Cluster, report: Report): ReportOutcome {
  const planned = planReport(report);
  if (planned.type === 'refused') return planned;
  const key = objectKey(report.resource, report.namespace, report.name);
  const object = cluster.objects.get(key);
  const { operation } = report;
  if (operation.type === 'create') {
    // As the product's relay answers it: the Event is made to say what the report says.
    if (object !== undefined && report.resource === 'events') return said(cluster, report, object);
    if (object !== undefined) return refused(409, 'AlreadyExists');
    const { metadata, apiVersion: _v, kind: _k, ...rest } = objectOf(operation.body);
    const { labels } = isJsonObject(metadata) ? metadata : {};
    return changed(cluster, report, undefined, () =>
      cluster.put(key, { ...rest, ...(labels === undefined ? {} : { metadata: { labels } }) }),
    );
  }
  if (object === undefined || (report.uid !== undefined && report.uid !== object.uid)) {
    cluster.onRefused(report);
    return object === undefined ? refused(404, 'NotFound') : refused(409, 'Conflict');
  }
  if (operation.type === 'remove') {
    cluster.remove(key);
    cluster.onReported(report, object, undefined);
    return { type: 'applied', uid: object.uid, resourceVersion: undefined, name: report.name };
  }
  const change = objectOf(operation.body);
  const written =
    operation.type === 'update'
      ? change
      : applyStrategicMergePatch(typeOf(report.resource), object.fields, withoutIdentity(change));
  const { status } = written;
  // The subresource takes the status alone.
  const fields = report.subresource === 'status' ? { ...object.fields, ...(status === undefined ? {} : { status }) } : written;
  if (jsonEquals(fields, object.fields)) return applied(object);
  return changed(cluster, report, object, () => cluster.put(key, fields, object.facts));
}

function said(cluster: Cluster, report: Report, object: Stored): ReportOutcome {
  const {
    metadata: _m,
    apiVersion: _v,
    kind: _k,
    ...rest
  } = objectOf(report.operation.type === 'create' ? report.operation.body : '');
  const fields = { ...object.fields, ...rest };
  if (jsonEquals(fields, object.fields)) return applied(object);
  return changed(cluster, report, object, () => cluster.put(object.key, fields, object.facts));
}

function changed(cluster: Cluster, report: Report, before: Stored | undefined, put: () => Stored): ReportOutcome {
  const after = put();
  cluster.onReported(report, before, after);
  return applied(after);
}

function applied({ uid, revision, key }: Stored): ReportOutcome {
  return { type: 'applied', uid, resourceVersion: String(revision), name: key.slice(key.lastIndexOf('/') + 1) };
}

function refused(code: number, reason: string): ReportOutcome {
  return { type: 'refused', code, reason, message: `simulated ${code}` };
}

function objectOf(text: string): JsonObject {
  const value: JsonValue = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error('a report without an object');
  return value;
}

function withoutIdentity(patch: JsonObject): JsonObject {
  const { metadata, ...rest } = patch;
  if (!isJsonObject(metadata)) return rest;
  const { uid: _uid, ...kept } = metadata;
  return Object.keys(kept).length === 0 ? rest : { ...rest, metadata: kept };
}
