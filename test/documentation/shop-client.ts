/** A client of a shop. */
import { defineService, method } from 'liteipc';
import { check, openShop } from './support.js';

const Shop = defineService('shop', { buy: method<{ article: string }, string>() });
const device = await openShop();
let traceparent: string | undefined;
await device.expose(Shop, {
  buy: ({ article }, call) => {
    traceparent = call.metadata['traceparent'];
    return article;
  },
});

export const shop = await device.service(Shop);
export const order = { article: 'bolts' };

/** Checks the metadata after the block has bought something. */
export function after(): void {
  check(traceparent?.startsWith('00-') === true, 'the metadata has arrived');
}
