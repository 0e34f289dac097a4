/** Canonical objects as a cluster has them, what is most common last: matches that lie nearer cost fewer bits. */
export const KUBERNETES_1 =
  '{"apiVersion":"v1","data":{},"kind":"Secret","metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","name":"","namespace":"default","uid":""},"type":"Opaque"}' +
  '{"apiVersion":"v1","data":{},"kind":"ConfigMap","metadata":{"creationTimestamp":"2026-01-01T00:00:00Z","name":"","namespace":"default","uid":""}}';
