/** More relays than anybody has; each is dialled in turn. */
export const MAX_RELAYS = 16;

/** Whether it is the address of a relay: `wss://HOST[:PORT]`. */
export function isRelayUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.protocol === 'wss:' && url.username === '' && url.search === '' && url.hash === '';
}
