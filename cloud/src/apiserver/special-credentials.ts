import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Credentials } from './credentials.ts';

/**
 * Credentials from plug-ins and older auth-providers, and connections through proxies, as client-node makes them. To be imported
 * only when a kubeconfig asks for it; the import by name lets a bundle leave out most of client-node.
 * @param text the kubeconfig; @param folder where relative paths in it begin
 */
export function specialCredentials({
  text,
  folder,
}: {
  readonly text: string;
  readonly folder: string;
}): () => Promise<Credentials> {
  const config = new KubeConfig();
  config.loadFromString(text);
  config.makePathsAbsolute(folder);
  return async () => {
    const applied: RequestOptions = {};
    await config.applyToHTTPSOptions(applied);
    const { agent } = applied;
    const hasProxy = Boolean(config.getCurrentCluster()?.proxyUrl);
    return {
      ca: applied.ca,
      cert: applied.cert,
      key: applied.key,
      servername: applied.servername,
      rejectUnauthorized: applied.rejectUnauthorized ?? true,
      auth: applied.auth ?? undefined,
      headers: ownHeaders(applied.headers),
      proxyAgent: hasProxy && typeof agent === 'object' ? agent : undefined,
    };
  };
}

function ownHeaders(headers: RequestOptions['headers']): Record<string, string> {
  const own: Record<string, string> = {};
  if (headers === undefined || Array.isArray(headers)) return own;
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') own[name.toLowerCase()] = value.trim();
  }
  return own;
}
