import {
  type ObjectKey,
  objectKey,
  PASSED_SIGNER,
  type QueryRule,
  type Question,
  queryRule,
  resourceById,
  resourcePath,
  type StatusText,
} from '@hawser/protocol';
import { type ApiCall, isDotSegment } from '../request.ts';
import { isPassedOn } from './certificate-requests.ts';

export type QueryPlan =
  | { readonly type: 'cache'; readonly key: ObjectKey }
  | { readonly type: 'call'; readonly call: ApiCall; readonly rights: QueryRule['rights'] }
  | ({ readonly type: 'refused' } & StatusText);

/** How a question is answered, by the query table. */
export function planQuery(question: Question): QueryPlan {
  const { type, resource: id, namespace, name } = question;
  const subresource = type === 'submit' ? question.subresource : '';
  const rule = queryRule(type, id, subresource);
  const resource = resourceById(id);
  if (rule === undefined || resource === undefined) {
    const what = subresource === '' ? id : `${id}/${subresource}`;
    return refusal(405, 'MethodNotAllowed', `the relay answers no ${type} of ${what}`);
  }
  const isCreate = type === 'submit' && subresource === '';
  if (isCreate !== (name === '')) {
    return refusal(
      400,
      'BadRequest',
      isCreate ? `what is made of ${id} is named in its body` : `a question about ${id} needs a name`,
    );
  }
  if (resource.namespaced !== (namespace !== '')) {
    return refusal(400, 'BadRequest', resource.namespaced ? `${id} needs a namespace` : `${id} has no namespaces`);
  }
  if (isDotSegment(namespace) || isDotSegment(name)) {
    return refusal(400, 'BadRequest', 'a name or namespace may not be "." or ".."');
  }
  if (type === 'submit' && isCreate && !isPassedOn(question.body)) {
    return refusal(403, 'Forbidden', `requests of devices are passed on to the signer ${PASSED_SIGNER} and to no other`);
  }
  if (rule.from === 'cache') return { type: 'cache', key: objectKey(id, namespace, name) };
  const path = resourcePath(resource, namespace, name, subresource);
  const call: ApiCall =
    type === 'get'
      ? { method: 'GET', path, body: undefined, contentType: undefined }
      : { method: 'POST', path, body: question.body, contentType: 'application/json' };
  return { type: 'call', call, rights: rule.rights };
}

function refusal(code: number, reason: string, message: string): QueryPlan {
  return { type: 'refused', code, reason, message };
}
