export { type Failure, readFailure, saysNotFound } from './answer.ts';
export type { ApiClient, ApiClientOptions, ApiRequest, ApiResponse, ApiStream } from './client.ts';
export { createApiClient } from './client.ts';
export type { ApiServerConnection, Credentials } from './credentials.ts';
export { loadCredentials } from './credentials.ts';
export type { FetchOptions } from './fetch-object.ts';
export { fetchObject } from './fetch-object.ts';
export type { Reflector, ReflectorOptions } from './reflector.ts';
export { createReflector } from './reflector.ts';
