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
    if (object !== undefined) return refused(409, 'AlreadyExists');
    const { metadata, apiVersion: _v, kind: _k, ...rest } = objectOf(operation.body);
    const { labels } = isJsonObject(metadata) ? metadata : {};
    return applied(cluster.put(key, { ...rest, ...(labels === undefined ? {} : { metadata: { labels } }) }));
  }
  if (object === undefined) return refused(404, 'NotFound');
  if (report.uid !== undefined && report.uid !== object.uid) return refused(409, 'Conflict');
  if (operation.type === 'remove') {
    cluster.remove(key);
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
  return applied(cluster.put(key, fields, object.facts));
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
