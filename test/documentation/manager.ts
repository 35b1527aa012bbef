/** A program that has started a domain. */
import { startShop } from './support.js';

export const manager = await startShop();
