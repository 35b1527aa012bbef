/** The service, in a process of its own: service.js DOMAIN. Ends when its parent lets it go. */
import { openDevice } from 'liteipc';
import { Sensors } from './contract.js';

const [domain = ''] = process.argv.slice(2);
const device = await openDevice({ domain });
let made = 0;

const sensors = await device.expose(Sensors, {
  // Runs ahead of its reader only as far as the credit allows, and ends when the reader stops.
  watch: function* (room) {
    let sent = 0;
    try {
      for (;;) {
        made++;
        yield { room, celsius: 20 + (sent++ % 10) / 10 };
      }
    } finally {
      console.log(`service: the stream of the ${room} ended`);
    }
  },
  made: () => made,
  upload: async (readings) => {
    let count = 0;
    let total = 0;
    for await (const reading of readings) {
      count++;
      total += reading.celsius;
      if (reading.celsius > 30) sensors.emit('alarm', reading);
    }
    return { count, mean: total / count };
  },
  smooth: async function* (values) {
    let count = 0;
    let total = 0;
    for await (const value of values) {
      total += value;
      yield total / ++count;
    }
  },
});

process.on('disconnect', () => void device.close());
process.send?.('ready');
