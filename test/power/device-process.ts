import { startLocalDevice } from '../local/device.ts';

/** The process that `kill.test.ts` kills: a device's local API over the folder and at the port that it is given. */
const [folder, port] = process.argv.slice(2);
const { url } = await startLocalDevice({ folder: folder ?? '', port: Number(port ?? 0) });
process.stdout.write(`${url}\n`);
