declare module 'proxy-from-env' {
  /** The URL of the proxy for requests to that URL, by the variables of this process; empty: none. */
  export function getProxyForUrl(url: string): string;
}
