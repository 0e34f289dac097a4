import { isJsonObject, type JsonObject, type JsonValue, PASSED_SIGNER, parseJson } from '@hawser/protocol';
import { nodeUser } from '../impersonation.ts';

/** Whether a device's CertificateSigningRequest, as JSON text, is one that may go to the cluster. */
export function isPassedOn(body: string): boolean {
  return specOf(body).signerName === PASSED_SIGNER;
}

/** Whether the node has made it. Kubernetes lets every node read those of all. */
export function isMadeByNode(node: string, body: string): boolean {
  return specOf(body).username === nodeUser(node, 'constrained').user;
}

function specOf(body: string): JsonObject {
  const object: JsonValue = parseJson(body);
  const spec = isJsonObject(object) ? object.spec : undefined;
  return isJsonObject(spec) ? spec : {};
}
