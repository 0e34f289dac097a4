/** Devices of a benchmark stand for as many addresses and have one: they take the places that all addresses together have. Flags of the relay. */
export const ONE_ADDRESS = { '--limits-handshakes-per-address': '256' };
