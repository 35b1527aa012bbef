/** Runs a domain, a service and a client in one process; usually each is a process of its own. */
import { ServiceManager, allow, defineService, method, openDevice } from 'liteipc';

const Calculator = defineService('calculator', {
  add: method<[number, number], number>(),
});

await using manager = await ServiceManager.start({
  domain: `hello-${process.pid}`,
  policy: [allow(Calculator).to({ pid: process.pid })],
});

await using service = await openDevice({ domain: manager.domain });
await service.expose(Calculator, {
  add: ([a, b], call) => {
    console.log(`called by process ${call.caller.pid}`);
    return a + b;
  },
});

await using client = await openDevice({ domain: manager.domain });
const calculator = await client.service(Calculator);
console.log('1 + 2 =', await calculator.add([1, 2]));
