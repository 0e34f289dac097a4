import type { SimulatedReflector } from './reflector.ts';
import type { SimulatedRelay } from './relay.ts';
import type { Wire, World } from './world.ts';

/** The smallest things that can happen to what is under way. Each returns false when there was nothing to do. */

/** One thing of one relay: a piece of a stream, a change taken, a body, a turn, a report. */
export function moveRelay(world: World, relay: SimulatedRelay): boolean {
  const { random } = world;
  const isLagging = world.lagging.has(relay);
  switch (random.integer(8)) {
    case 0:
    case 1:
      return (
        !isLagging &&
        count(
          world,
          'read',
          anyOf(world, relay, (reflector) => reflector.read()),
        )
      );
    case 2:
    case 3:
      return count(
        world,
        'take',
        anyOf(world, relay, (reflector) => reflector.take()),
      );
    case 4:
      return count(world, 'body asked', relay.readBody());
    case 5:
      return count(world, 'body answered', relay.takeBody()) || count(world, 'asked how far', relay.answerQuestion());
    case 6:
      return count(world, 'turn', relay.turn());
    default:
      if (random.oneIn(8)) return count(world, 'report not taken', relay.performReport(false));
      return count(world, 'report performed', relay.performReport(true));
  }
}

/** The first reflector that has something to do, from any on. */
function anyOf(world: World, { reflectors }: SimulatedRelay, move: (reflector: SimulatedReflector) => boolean): boolean {
  const from = world.random.integer(reflectors.length);
  return [...reflectors.slice(from), ...reflectors.slice(0, from)].some(move);
}

/** One thing on one connection: it opens, or a frame arrives at one end. */
export function moveWire(world: World, wire: Wire): boolean {
  const { connection } = wire;
  if (connection.mayBeAccepted) {
    world.accept(wire);
    return count(world, 'connection accepted', true);
  }
  if (connection.mayOpen) {
    connection.open();
    return count(world, 'connection open', true);
  }
  return world.random.oneIn(2)
    ? count(world, 'frame to agent', world.deliverDown(wire))
    : count(world, 'frame to relay', world.deliverUp(wire));
}

/** Everything that is under way arrives, and what follows from it, until nothing moves. Lagging relays and held connections stay. */
export function drain(world: World): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const relay of world.runningRelays()) {
      if (!world.lagging.has(relay)) relay.catchUp();
      while (relay.takeBody() || relay.turn() || relay.performReport(true) || relay.answerQuestion()) isBusy = true;
    }
    for (const wire of world.wires) {
      const { connection } = wire;
      if (connection.mayBeAccepted) {
        world.accept(wire);
        isBusy = true;
      }
      if (connection.mayOpen) {
        connection.open();
        isBusy = true;
      }
    }
    for (const wire of world.wires) while (world.deliverDown(wire) || world.deliverUp(wire)) isBusy = true;
  }
}

/** Time passes, and everything flows. */
export function flow(world: World, milliseconds: number): void {
  const { clock } = world;
  const end = clock.time + milliseconds;
  drain(world);
  for (let due = clock.nextDue(); due !== undefined && due <= end; due = clock.nextDue()) {
    clock.advanceTo(due);
    drain(world);
  }
  clock.advanceTo(end);
}

function count(world: World, name: string, hasMoved: boolean): boolean {
  if (hasMoved) world.figures.add('steps', name);
  return hasMoved;
}
