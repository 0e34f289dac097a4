import type { SimulatedReflector } from './reflector.ts';
import type { SimulatedRelay } from './relay.ts';
import type { Wire, World } from './world.ts';

/** The smallest things that can happen to what is under way. Each returns false when there was nothing to do. */

/** One thing of one relay: a piece of a stream, a change taken, a body, a turn, a report; whichever comes first that can be. */
export function moveRelay(world: World, relay: SimulatedRelay): boolean {
  const { random } = world;
  const withBodies = !world.withoutBodies.has(relay);
  const moves: readonly (() => boolean)[] = [
    () =>
      !world.lagging.has(relay) &&
      count(
        world,
        'read',
        anyOf(world, relay, (reflector) => reflector.read()),
      ),
    () =>
      count(
        world,
        'take',
        anyOf(world, relay, (reflector) => reflector.take()),
      ),
    () => withBodies && count(world, 'body asked', relay.readBody()),
    () => withBodies && count(world, 'body answered', relay.takeBody()),
    () => count(world, 'asked how far', relay.answerQuestion()),
    () => count(world, 'turn', relay.turn()),
    () => random.oneIn(8) && count(world, 'report not taken', relay.performReport(false)),
    () => count(world, 'report performed', relay.performReport(true)),
    () => count(world, 'report answered', relay.answerReport(random.integer(8))),
  ];
  return inTurn(random.integer(moves.length), moves).some((move) => move());
}

function inTurn<T>(from: number, all: readonly T[]): readonly T[] {
  return [...all.slice(from), ...all.slice(0, from)];
}

/** The first reflector that has something to do, from any on. */
function anyOf(world: World, { reflectors }: SimulatedRelay, move: (reflector: SimulatedReflector) => boolean): boolean {
  return inTurn(world.random.integer(reflectors.length), reflectors).some(move);
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
  const down = () => count(world, 'frame to agent', world.deliverDown(wire));
  const up = () => count(world, 'frame to relay', world.deliverUp(wire));
  return world.random.oneIn(2) ? down() || up() : up() || down();
}

/** Everything that is under way arrives, and what follows from it, until nothing moves. Lagging relays and held connections stay. */
export function drain(world: World): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const relay of world.runningRelays()) {
      const withBodies = !world.withoutBodies.has(relay);
      if (!world.lagging.has(relay)) relay.catchUp(withBodies);
      while (
        (withBodies && relay.takeBody()) ||
        relay.turn() ||
        relay.performReport(true) ||
        relay.answerReport() ||
        relay.answerQuestion()
      )
        isBusy = true;
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
